"""From a file to pixels or text, in worker processes with a time limit. Knows no judge, imports no torch."""
