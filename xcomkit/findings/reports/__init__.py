"""What was found in files, as data and in every format: people, tools, code hosts, CI."""
