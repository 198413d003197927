"""Pure reading of what people write to a brand: an opt-out, another request, or something that a person must read.

`reading.read_request` takes a `MailToRead` and returns a `ReadRequest`. `html_plain_text.plain_text_of_html` makes the
text of an HTML part. `acknowledgement_rules.acknowledgement_obstacle` says whether an automatic answer may be sent.

The vocabulary of the answer:

- `request`: `opt_out`, `erasure`, `copy`, `correction`, `restriction`, `written_notice`, `complaint`, `question` (and
  all else that a person must read), `nothing` (an automatic reply, advertising of strangers, only a quote).
- `reach` of an opt-out: `list` is the list that the person answers or names. `all` is all optional mail of the brand.
  `company` is an objection to all marketing of the controller. If the mail does not say it, an answer to a mailing is
  about its list, and a mail to another mailbox is about all optional mail.
- `certainty`: `plain` may be acted on without a person. `doubtful` goes to a person's queue with `suggestions`.
- `reasons`: short English phrases. They quote nothing, so they can be shown and logged.

The rules of a plain mail:

- Each word of the request is in the table of its language. A negation, a condition, a question that is no polite
  request, a third person, the past, another time, reported speech, a joke, a thing to keep, a link, another address
  than the sender's, words in quotation marks or look-alike letters anywhere in the mail make it doubtful.
- Outside the request, at most six unknown words stand, such as a name. The mail asks for one thing.
- "How do I unsubscribe?" is doubtful in each mailbox, and so is a bare "unsubscribe?". To the opt-out mailbox, the
  suggestion is an opt-out.
- An empty mail to the opt-out mailbox is a plain opt-out. It may quote a mailing, but not forward one. To another
  mailbox it is `nothing`.
- A single word such as "stop" is a plain opt-out if nothing else stands in the mail. A word that also means something
  else, such as "cancel", is one in the opt-out mailbox and in an answer to a mailing only.
- "I unsubscribed, but still get mail" is a complaint, with an opt-out as its suggestion.
- Corrections, restrictions, complaints and questions are always doubtful, since staff must work on them.
- A plain erasure or copy begins the confirmation by mail. It is never done on the strength of a mail alone.
"""
