"""Amazon SES by way of Amazon SNS: signed with RSA by a certificate that is fetched from Amazon."""
