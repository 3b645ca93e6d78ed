"""The laboratory's runs trained by open_clip: shards, its own trainer as child processes, its own logs."""
