"""What people read: result files, tables and reports made from measurements."""
