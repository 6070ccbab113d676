"""What happens to an accepted message: routing of recipients and filing into Mailboxes."""
