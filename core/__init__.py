"""The engine: ranks media by a query. No Qt, no window words; usable from a script."""
