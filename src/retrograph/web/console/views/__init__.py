"""One module a page: asks the service, builds what is shown, renders a template."""
