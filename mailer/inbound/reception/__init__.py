"""Reception of mail by SMTP and LMTP. A message is stored before it is accepted."""
