"""The parts of the guest. The leading underscore keeps the names of a student's own modules free."""
