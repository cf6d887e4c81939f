"""What processes share and could do without: work that is spared, and fast copies of what the store keeps."""
