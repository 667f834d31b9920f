"""What analysis does: assess conversations, keep facts and rollups true."""
