"""What the shop does. Services know the tables and the SDKs, nothing of requests and responses."""
