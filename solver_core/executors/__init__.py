"""Where blocks of work are done: in this process, in a pool of processes on this machine, on a cluster."""
