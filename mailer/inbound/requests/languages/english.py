"""English phrases of requests."""

from mailer.inbound.requests.languages.english_doubts import ENGLISH_DOUBTS
from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.phrase_table import compile_phrase_table
from mailer.inbound.requests.word_folding import FoldingRules

ENGLISH = compile_phrase_table(
    "en",
    FoldingRules(joins_apostrophes=True),
    {
        Mark.STOP: """
            (take/get/strike/cross/pull/sign) ~ off | (take/get) ~ out of | cancel (emails/mails/mail/email)
            no longer wish to be on | (dont/do not) wish to be on | no longer be on | not be on
            (dont/do not) (want/wish) to be a part of | cancel (all/any) (emails/mailings)
            (put/place) me on your do not (contact/mail/email) list | add me to your do not (contact/mail/email) list
            do not contact list | suppression list | withdraw ~ from (your/the/this) | unsubscribe | unsub
            unsubscribing | unsubscription | unsubscribe request | un subscribe | to be unsubscribed | be unsubscribed
            get unsubscribed | unsubscribe me | optout | opt out | opt me out | opting out | to opt out | be opted out
            opt ~ out | i want out | want out | let me out | count me out | unlist me | delist me
            leave (the/your/this) (mailing/email/) list | leave (the/this/your) newsletter
            (take/get/strike/cross/scratch/drop/pull/sign) (me/us) off | discontinue my subscription
            end my subscription to | leave me alone | leave me in peace
            cancel my (email/newsletter/mail/mailing) subscription | cancel my subscription to
            cancel this subscription | cancel ~ subscription to | terminate my subscription to
            end my (newsletter/email) subscription | remove my subscription | cancel (the/this/your/my) newsletter
            cancel (these/the/your/all/my) (emails/newsletters) | withdraw from (the/your/this) (mailing/) list
            no longer be subscribed | dont want to be subscribed | do not want to be subscribed
            not wish to be subscribed | no longer (want/wish) to be (subscribed/on) | (dont/do not) want to be on
            no longer want to be part of | (dont/do not) want to be part of (this/your/the) (mailing/email/) list
            (dont/do not) (want/wish) to be contacted | no longer (want/wish) to be contacted
            lose my (email/address/number) | forget my (email/email address)
        """,
        Mark.BARE: "cancel | leave | quit | exit | out | goodbye list | removal | signoff | sign off | end | unjoin",
        Mark.CEASE: """
            stop | cease | stopp | pls stop | desist | cease and desist | discontinue | halt | refrain from | quit it
            put an end to | switch off | turn off | end all | stop it | stop this | stop that | enough with
        """,
        Mark.REMOVE: """
            taken off | be taken off | get taken off | taken out of | be taken out of | struck from | crossed off
            dropped from | deletion of | erasure of | removed | be removed from | get removed from | be removed
            get removed | be deleted | remove | removing | delete | deleting | erase | erasing | wipe | purge | scrub
            removal of | take out
        """,
        Mark.NOT: """
            im not | i am not | not | dont | do not | never | no | nor | neither | cant | cannot | wont | doesnt
            didnt | isnt | arent | wouldnt | shouldnt | without | none | nothing | nobody | dun | does not | did not
            is not | are not | donot | aint | wasnt | havent | hasnt | couldnt | hardly | unable | nope | nah
            stop not
        """,
        Mark.NO_MORE: """
            dont consent to receiving | dont consent to getting | never consented to receiving | any longer
            dont ~ any longer | do not ~ any longer | not ~ any longer | no interest in receiving
            no interest in getting | im no longer | i am no longer | not interested in receiving
            no longer interested in receiving | not interested in getting | no more | no longer | not ~ any more
            not ~ anymore | dont ~ anymore | dont ~ any more | do not ~ any more | do not ~ anymore | no further
            not ~ again | dont ~ again | do not ~ again | never again | never ~ again | dont ever | do not ever
            dont ~ any further | do not ~ any further | any more | anymore
        """,
        Mark.SEND: """
            send | sending | send out | email me | emailing | mailing me | mail me | contact me | contacting
            write to me | writing to me | spam me | spamming | bother me | bothering | message me | messaging
            contact | sent to me | bug me | bugging | bombarding | bombard me | pestering | pester me | harassing
            flooding | clogging | annoying me | forward me | text me | pinging | ping me | hit me up | hitting me up
            filling up my inbox | filling my inbox | be sent | mailing us | emails to me | blasting | reach out to me
            sending out
        """,
        Mark.GET: """
            i get | i receive | we get | am getting | am receiving | im getting | im receiving | receive | receiving
            get | getting | to receive | be getting | be receiving | see | hear from | see any | hearing from
            have to see | read | have in my inbox | come to | coming | arriving
        """,
        Mark.WANT: """
            want | wish | want to | wish to | would like | id like | i would like to | need | like to | wanna | prefer
            id prefer | desire | care for | care to | require | interested in | need to | would rather | id rather
            want you to | would like you to | would like to | id like to | would prefer | id love to
        """,
        Mark.MAIL: """
            email | emails | mail | mails | message | messages | mailing | mailings | email messages | communications
            communication | correspondence | updates | e mails | notifications emails | email notifications
            mail from you | alerts | email alerts | email updates | subscription | subscriptions | mass emails
            mailers | email communications | reminders | them | newsletters | electronic mail | contact from you
            this mail | crap | junk | spam | rubbish | stuff | garbage | bulk mail | notification emails | invitations
            invites | email invitations | digests | recommendations | from you | from you guys | anything
        """,
        Mark.NEWSLETTER: """
            newsletter | news letter | the digest | weekly digest | weekly newsletter | your newsletter
            this newsletter | digest | this mailing list | this list | this email list | monthly newsletter
            weekly mail | weekly email | daily digest | this email | these emails | this mailing | this stuff
            these mails | these | this crap | this distribution list | weekly emails | daily emails | this spam
            this junk | these messages | this nonsense | this rubbish | such emails | those emails | those mails
            this kind of email | this kind of mail | this type of email | these newsletters | it | daily email
            weekly mailing | monthly email | this group | this subscription
        """,
        Mark.LIST: """
            list | mailing list | lists | mailing lists | email list | email lists | distribution list | distribution
            database | distribution lists | mail list | subscriber list | contact list | contacts | mailing database
            subscription list | mail lists | emailing list | subscribers | list of subscribers | email database
            marketing list | marketing lists | records | system | systems
        """,
        Mark.ADVERTISING: """
            ads | marketing | promotional | promotions | promotion | advertising | ads emails | advertisements
            commercial | promo | promos | direct marketing | marketing emails | marketing purposes | offers
            special offers | deals | solicitations | adverts | marketing mail | promotional emails | promotional mail
            advertisement | sales emails | advertising mail | ads by email | partner offers | third party offers
            profiling for marketing | solicitation | marketing material | marketing materials | marketing messages
            marketing communications | promo emails | promo mail | sales pitches
        """,
        Mark.EVERYTHING: """
            all | everything | any | every | anything else | all of them | entire | entirely | completely | altogether
            each | whatsoever | of any kind | of any sort | all future | any future | all kinds of | any kind of
            any sort of | any type of | all types of | all other
        """,
        Mark.COMPANY: """
            your company | your companies | all your brands | all of your brands | all brands | your brands
            group of companies | all your companies | your group | your affiliates | affiliates | sister sites
            all your sites | all of your sites | all your websites | any of your brands | any of your companies
            affiliated companies | and its affiliates | your other brands | other brands | subsidiaries
            sister companies | all of your websites | any of your sites
        """,
        Mark.WITHDRAW: "withdraw | revoke | withdrawing | revoking | retract | rescind | withdrawal of | hereby revoke",
        Mark.CONSENT: """
            consent | permission | my consent | agreement | authorisation | authorization | consent to | approval
        """,
        Mark.OBJECT: """
            object | objecting | objection | i object | object to | objection to | right to object
            opt out of processing
        """,
        Mark.PROCESSING: """
            processing | processing of | use of | using | processing my | the processing of | being used | to be used
            process | use | profiling | processed | be processed
        """,
        Mark.ERASURE: """
            permanent data deletion | permanently delete | data deletion | data deletion request | erasure request
            erasure | right to be forgotten | right to erasure | be forgotten | account deletion | data erasure
            delete all | deletion | forget me | close my account | delete my account | delete account | delete profile
            delete my profile | closing my account | deactivate my account | deletion request | account deleted
            data deleted | account removed | close account | terminate my account | cancel my account
            remove my account | delete everything | erase everything | wipe everything
        """,
        Mark.DATA: """
            data | personal data | information | personal information | my data | details | personal details
            records of me | all my data | profile | user data | private data | data about me | info | personal info
            records about me | information about me | data on me
        """,
        Mark.ACCOUNT: """
            account | my account | accounts | user account | registration | membership | member account | profile page
        """,
        Mark.ACCESS: """
            subject access request | access request | dsar | sar | data access request | access to my data
            right of access | access to my personal data | what data you | what personal data you | which data you
            data export | export of my data | export my data | download my data | download of my data
            which personal data you | what information you | article 15 request | request under article 15
            data portability
        """,
        Mark.COPY: "copy | copy of | a copy of | copies of | a copy | export of | copies",
        Mark.CORRECT: """
            correct my | correct it | correct the | rectify | rectification | correction | fix my name
            change my name | update my | change my address | change my email | change my email address
            update my email | is misspelled | is misspelt | is spelled wrong | is wrong | is incorrect | spelt wrong
            correct | amend | new email address | new address is | moved house | has changed | my email has changed
            update the
        """,
        Mark.RESTRICT: """
            restrict the processing | restrict processing | restriction of processing | restrict | restriction
            limit the processing | limit processing | article 18 | freeze my data | block my data
        """,
        Mark.ELECTRONIC: """
            electronic notices | electronic notice | electronic communications | electronic notifications
            electronically | electronic delivery | notices electronically | electronic communication | electronic form
            notices by email | paperless | electronic
        """,
        Mark.PAPER: """
            by post | on paper | paper | by mail post | written notice | written notices | in writing | paper notices
            paper notice | by postal mail | by letter | by regular mail | postal mail | paper copies | snail mail
            via post | us mail | by us mail | hard copy | paper mail | through the post | in paper form
            by paper mail
        """,
        Mark.NOTICE: "notice | notices | notifications | notification | legal notices",
        Mark.ME: "me | myself | us | mine | i | im",
        Mark.ADDRESS: """
            email address | address | name | my name | my email | my email address | my address | emailaddress
            mail address | my mail | my contact | my contact details | contact details | my inbox | addresses
            email id | my email id | mailbox | this email address | this address | my details | the above address
            the address above | above address | email addy
        """,
        Mark.POLITE: """
            (i am/im/am) writing to (request/ask you to/ask that you/ask to be) | writing to request
            writing to ask you to | (id/i would/would) appreciate it if you (could/would/can)
            (id/i would/would) be (grateful/thankful/obliged) if you (could/would/can)
            it would be great if you (could/would) | can i (please/) be | could i (please/) be | may i be
            can you have me | please have me | please | pls | plz | kindly | could you | can you | would you
            will you | can u | could u | would you mind | do you mind | i ask you to | i request | i am requesting
            i am asking you | may i ask you to | requesting | request | request to | i ask that you | i demand
            demand | can someone | could someone | would someone | pleas | pleae | plese | please can
            i request that you | i kindly ask you | could i ask you to | please could | be so kind as to
            be kind enough to | i urge you | if you please | if you would | if you could | if at all possible
            if possible | if you dont mind | asking | asking you | i insist | i am asking | can anyone | can somebody
            i would appreciate it if you | i would be grateful if you could | id appreciate it if you
            i would appreciate | would appreciate | appreciate it if you would | be grateful if you
            appreciate it if you could | can you guys | could you guys | can we please | much appreciated
            i would be grateful if you | would be grateful if you could | i want to ask you to | why dont you just
            make sure | ensure | see to it that | confirm | please confirm | confirm that | that this has been done
            when this is done | once done | that i have been removed | confirm when | when done | once this is done
            once this has been done | when you have done so | confirm once | confirm removal
        """,
        Mark.REASON: """
            (im/i am) no longer a (customer/member/user/client/subscriber)
            (im/i am) not a (customer/member/user/client/subscriber) | no longer a (user/client/subscriber)
            not a (customer/member/user/client) | you keep (emailing/sending/mailing/spamming/writing) (me/us/)
            (of/) no use (to me/to us/) | enough (email/mail/emails) as it is
            do not find ~ (useful/interesting/relevant/helpful) | dont find ~ (relevant/helpful)
            (it is/its/is/are) not relevant (any more/anymore/to me/for me) | no longer relevant (to me/for me)
            no longer useful | moved on | changed jobs | have moved on | not needed any more | not needed anymore
            (dont/do not) understand (them/it/these/these emails/the emails/your emails)
            (thanks/thank you) for (the/your/all the/all your) (nice/great/) (emails/newsletters/newsletter/mails)
            it has been fun | its been fun | (im/i am/am) no longer interested | receiving these by mistake
            these by mistake
            (im/i am/am) (really/) not (at all/really/) (interested/interested anymore/interested any more)
            not interested any more | too (much/many) (email/emails/mail/mails/spam/newsletters) already
            (dont/do not) know why | no idea why | not sure why | (dont/do not) know how i | no idea how i
            (receiving/getting) (this/these/them/it) by mistake | (dont/do not) remember
            (didnt/did not) sign up for (this/these/it/any of this) | (dont/do not) know who you are
            no idea who you are | never even used | never used | even used
            (you are/youre/you keep/you) (sending/send) (me/us/) (way/far/) too many | enough already
            created an account | i created an account | years ago | no longer interested | not interested
            not interested anymore | no longer use | no longer using | dont use | (dont/do not) (have/got) time
            no time | never open them | never open | never read them | never read | dont read them | dont read
            dont open | i never open them | not interested in | no interest | no longer relevant | not relevant
            not for me | no use for | dont need them | dont need it | not useful | no longer need | no longer a member
            no longer a customer | too many | far too many | way too many | too much | far too much | way too much
            too often | too frequent | inbox is full | sick of | tired of | fed up with | fed up | sick and tired of
            had enough | had enough of | keep getting | keep receiving | you keep sending | keeps coming | keep coming
            enough is enough | enough | i keep getting | not what i expected | do not use | not using | dont use it
            never signed up | never signed up for this | did not sign up | didnt sign up | never subscribed
            never asked for this | didnt subscribe | did not subscribe | never asked for these
            dont know how i got on | dont remember signing up | i never signed up for | i do not recall signing up
            i dont recall signing up | no hard feelings | nothing personal | no offense | no offence | not my thing
            dont play | do not play | havent used | havent used it in years | havent logged in | no longer play
            no longer works for me | not active | no longer active | no longer want them | i dont want them
            do not want them | dont want them anymore | dont want it | dont want it anymore | cluttering my inbox
            clutter my inbox | cluttering up my inbox | filling up | stop already | really dont need the emails
            not needed | no longer needed | no longer required | not wanted | no longer wanted | unwanted
            unsolicited | getting too many | receive too many | dont have the time | not interested in your products
            no need for | dont care | dont have time | not enjoying | never use it | never use | dont find ~ useful
            dont find ~ interesting | cleaning up my inbox | decluttering my inbox | trying to reduce
            my inbox is overflowing | every day | every single day | daily | several times a day | i was signed up
            signed up by mistake | subscribed by mistake | subscribed by accident | signed up by accident
            i dont need | i dont need any of this | no reply needed | no need to reply | no reply necessary
            no thanks | no thank you | without delay | no questions asked | no matter | no problem | no worries
            really annoying | annoying | not again | must have signed up | must have subscribed | i signed up
            i joined | i subscribed | i moved on | i have moved on | quite enough | that is enough | thats enough
            not interested in this | not interested in these | not interested in your emails
            not interested in this newsletter | not interested in your offers | not interested in your newsletter
            no longer interested in
        """,
        Mark.GREETING: """
            hi | hello | hey | dear | good morning | good afternoon | good evening | good day | greetings
            to whom it may concern | sir or madam | sir | madam | sirs | team | support team | hi there | hey there
            hello there | folks | guys | all the team | customer service | customer support | dear sir or madam | yo
            howdy | everyone | support | ladies and gentlemen | morning | there | hey guys | privacy team | hi all
            hi team | hello team | whoever reads this | data protection officer | the team
        """,
        Mark.CLOSING: """
            thanks | thank you | thx | thank you very much | many thanks | thanks a lot | thanks in advance
            thank you in advance | ty | regards | kind regards | best regards | best wishes | warm regards | sincerely
            yours sincerely | yours faithfully | yours truly | cheers | best | all the best | respectfully
            with regards | cordially | bye | goodbye | take care | ta | have a nice day | have a good day
            have a great day | thanks so much | thank you so much | br | tks | tx | thnx | sincerely yours | warmly
            rgds | kindest regards | love | xx | thank u | thanking you | with thanks | have a good one
            have a nice weekend | thank you for your help | thanks for your help | thank you for your time
            thank you for your attention | thanks for understanding | thank you for your understanding | good luck
            much obliged | keep well | ciao | yours | i look forward to your confirmation
            looking forward to your confirmation | thank you for your cooperation
        """,
        Mark.SPLIT: """
            i | and | because | as | since | but | so | im | ive | id | am | we | which | though | although | thanks
            thank you
        """,
        Mark.FILL: """
            longer | thing | things | own | whole | henceforth | henceforward | anyone else | ask you | ask that
            that you | whatever list | on it | whichever | jobs | old | actually just | kind enough | effective | like
            my own | lately | around | even | ever again | any further | further | no subject | a | an | the | to
            from | of | on | off | for | in | at | by | with | my | your | ur | u | you | our | this | that | is | be
            been | now | right now | immediately | asap | as soon as possible | at once | with immediate effect
            effective immediately | today | just | simply | really | very | ever | forever | for good | permanently
            right away | straight away | already enough | here | hereby | also | too | such | more | other | future
            in future | in the future | from now on | going forward | paltalk guys | service | the service | site
            website | app | platform | company | ok | okay | oh | well | so | then | up | out of | some | way | do
            does | can | will | would | have | has | had | am | are | was | were | their | we | about | regarding | re
            concerning | related | under | pursuant to | gdpr | article 17 | art | article | 21 | 15 | 17 | 7 | 2 | 3
            paragraph | section | time | any time | at any time | years | months | weeks | days | user | member
            happy | enough of | purposes | purpose | promptly | urgently | urgent | hundred | times | or | both | mr
            mrs | ms | dr | as well | subscribed | subscribe to get | per | via | honestly | frankly | seriously
            literally | anyway | people | inbox | sent | great | nice | good | new | weekly | monthly | continue
            product | products | services | nonsense | always | currently | previously | registered | associated
            following | personal | right | rights | law | accordance | whatever | come | came | go | going | done
            fully | full | hold | stored | store | process my | how many | so many | many | lots of | a lot of
            tons of | loads of | you hold | you have | have about | about me | kind | kinds | sort | direct
            third party | parties | day | week | month | year | every week | every month | as of now | as of today
            action | proceed | start | appropriate | best to | subject | message subject | marketing team
            mailing address | soon | possible | quickly | quick | fast | once and for all | lol please | the heck
            the hell | damn | dang | bloody | freaking | fucking | fuck | hell | god | god sake | for gods sake
            for the love of god | jesus | ffs | wtf | stupid
        """,
        **ENGLISH_DOUBTS,
    },
)
