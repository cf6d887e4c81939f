"""The command line: one small file per group of commands, all of them calling the service's verbs."""
