"""Settings, parameter files, what differs between clouds, and how names must look."""
