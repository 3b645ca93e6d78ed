"""What a person looks at: the data of a report, and its figures."""
