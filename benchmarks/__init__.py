"""How fast, how good, how large, beside what people use today: one command a question."""
