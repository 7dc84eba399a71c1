"""How a run becomes something to read: HTML, terminal, JUnit and plots, in Japanese and English."""
