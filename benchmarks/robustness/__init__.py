"""What happens to a run that is killed, a disk that is full, a file that is damaged: tried often."""
