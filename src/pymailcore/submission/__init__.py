"""What the submission port and JMAP share: authorise the sender, complete headers, hand over."""
