"""English phrases that make a mail doubtful."""

from mailer.inbound.requests.marks import Mark

ENGLISH_DOUBTS = {
    Mark.QUESTION: """
        (dont/do not) know how to | no idea how to | how | how do i | how can i | how to | why | where | when will
        what | which one | who | whose | is it possible | is there | can i | could i | may i | should i | do i
        am i | did you | did i | does it | will i | would i | tell me | explain | what happens | wondering
        wonder | question | i have a question | let me know | advise | do you | are you | have you | is this
        what is | was i | have i | possible to | instructions | whether | not sure | unsure | any way to
        a way to | help | can we | can a | can users | do we | trying to find | cant find | cannot find | curious
    """,
    Mark.IF: """
        should | i should | thinking | was thinking | were thinking | if | unless | in case | otherwise | provided
        as long as | assuming | suppose | supposing | or else | should you | had i | until | till | depending
        would have | before i | might | maybe | perhaps | thinking about | thinking of | considering | consider
        tempted | about to | almost | nearly | depends | wouldve | could have | should have | may want
        would unsubscribe | will unsubscribe | going to unsubscribe | ill unsubscribe | gonna unsubscribe
        used to want | possibly | probably | afraid | planning to | plan to | hope | i hope
    """,
    Mark.THIRD: """
        clients | customers | our clients | subscribers of ours | all users | all members | all your members
        everyone but | everyone except | husband | wife | friend | friends | mother | father | mom | mum | dad
        son | daughter | brother | sister | him | her | he | she | his | hers | boss | colleague | coworker
        partner | client | customer | grandmother | grandfather | grandma | grandpa | them all | kids | child
        children | girlfriend | boyfriend | neighbour | neighbor | aunt | uncle | cousin | someone | somebody
        anyone | deceased | passed away | died | people who | users | employee | employees | former | ex
        on behalf of | parents | wifes | husbands | mothers | fathers | friends email | family | roommate
        everyone else | late husband | late wife | others | anybody | a user | the user | staff | mr smith
        this person | this user | that user | the person | student | students | patient | nephew | niece | for my
        grandson | granddaughter | in law | recipients | everybody | company account | the following users
        following addresses | assistant | nobody here | our team | our employee | another person | other person
        my team | moms | dads | sons | daughters
    """,
    Mark.PAST: """
        was taken off | been taken off | got taken off | were taken off | taken off without | am removed
        is removed | are removed | removed without | were removed | i removed | we removed | i deleted
        we deleted | have removed | has removed | had removed | i left | i quit | you took | unsubscribed
        unsubscribed yesterday | already | already asked | already unsubscribed | have asked | asked you
        asked before | i asked | previously asked | last week | last month | last year | yesterday | days ago
        weeks ago | months ago | ago | still | yet again | again | opted out | have requested | i requested
        requested before | earlier | this morning | despite | even though | i did | keep ignoring | ignored
        ignoring | repeated | repeatedly | several times | multiple times | many times | second time | third time
        once more | another time | tried | have tried | i tried | removed me | deleted me | you removed
        you deleted | took me off | i stopped | you stopped | has stopped | have stopped | stopped
        stopped receiving | was removed | was deleted | got removed | got unsubscribed | been removed
        been unsubscribed | been trying | was unsubscribed | thought i | supposed to | you said | you promised
        promised | used to | continues | continue to | twice | three times | four times | five times | x times
        fourth time | fifth time | how many times | nth time | umpteenth | numerous times | countless times
        keep asking | resumed | started again | came back | reminder | once again | after unsubscribing
        after i unsubscribed | last time | another one | honoured | honored | finally
    """,
    Mark.REPORT: """
        said | says | say | saying | told | tell | wrote | write the word | the word | word | typed | type
        typing | reads | asks | asked if | asks me | wants | wants me | wrote me | called | named | titled | title
        phrase | quote | quoted | quotation | example | e g | for instance | such as | claims | claimed
        mentioned | suggested | replied | reply with | respond with | states | according to | unsubscribes | means
        meaning | heading | subject line | headline | hear | heard | sentence | spelled | dream | story | book
        song | article about | essay | blog | translate | translation | pretend | imagine | scene | movie
        game called | keyword | command | test | testing | as a test | reply stop | text stop | lyrics | poem
        joke about | band | team name | room called | room named
    """,
    Mark.JOKE: """
        just kidding | kidding | jk | joke | joking | lol | haha | lmao | rofl | hahaha | not really | sarcasm
        sarcastic | of course not | as if | yeah right | never ever would | psych | prank | april fool | gotcha
        hehe | ironic | irony | s | winking | wink | nt | said no one ever | nobody ever | teasing
    """,
    Mark.KEEP: """
        do not remove me | dont remove me | as it is | as is | as they are | keep | keep me | keep sending
        keep the | stay | remain | leave me on | leave me in | leave me subscribed | dont remove
        dont unsubscribe | do not remove | do not unsubscribe | do not delete | dont delete | dont stop
        do not stop | never stop | except | except for | only | apart from | instead | other than | rather than
        but not | not all | not everything | fewer | less | less often | less frequently | reduce | once a month
        once a week | once a day | one email | one mail | weekly instead | change the frequency | frequency
        pause | snooze | hold off | for a while | some of | part of | just the | just one | specific | all but
        everything but | still want | still like | would still | i love getting | i enjoy getting
        look forward to | looking forward to | enjoy reading | dont want to miss | do not want to miss
        afraid to miss | miss out | like to keep | as usual | nonetheless | however | other emails | transactional
        order updates | security alerts | receipts | password emails | account notifications | important ones
        important emails | not the | continue sending | continue to send | please continue | want more | send more
        send me more | more often | mute | daily to weekly | from daily to | switch to | switch me | change to
        at least | not from | from partners | partners only | dont take me off | do not take me off
        dont opt me out | do not opt me out | don t you dare | dont you dare | must not | may not | sms only
        not by email | texts only | by phone | phone calls | text messages | sms | push notifications | push
        calls
    """,
    Mark.BACK: """
        resubscribe | re subscribe | subscribe | subscribe me | sign me up | sign up | signing up | back on
        put me back | add me | add me back | undo | reverse | by mistake | by accident | accidentally | mistake
        mistakenly | accident | accidental | rejoin | re join | join | reactivate | re activate | re enable
        restore | reinstate | opt in | opt me in | opt me back in | oops | wrong button | want back
        start sending | resume | send me again | send again | unintentionally | error | in error | wrongly
        erroneously | enroll | register me | renew
    """,
    Mark.LINK: """
        link | links | button | page | url | unsubscribe link | unsubscribe button | unsubscribe page | webpage
        does not work | doesnt work | not working | isnt working | broken | error message | 404 | click | clicked
        clicking | form | captcha | settings | preferences | preference | checkbox | footer | unsubscribe process
        unsubscribe option | unsubscribe form | option | options | procedure | login | log in | sign in
        logged in | website says | unsubscribe rate | unsubscribe feature | unsubscribe function | loading | loads
        crash | crashes | bug | list unsubscribe | header | headers | api | integration | your unsubscribe
        an unsubscribe | the unsubscribe | to the unsubscribe | unsubscribe instructions | unsubscribe email
        unsubscribe mail | unsubscribe confirmation | unsubscribe message | unsubscribe policy
        unsubscribe requests | unsubscribe list | unsubscribe address | unsubscribe mailbox
    """,
    Mark.LATER: """
        next week | next month | next year | tomorrow | later | after the | end of the month | end of the year
        at the end of | when my | when the | in january | in february | in march | in april | in june | in july
        in august | in september | in october | in november | in december | once my | once the | as soon as my
        as soon as the | starting | from next | after my | when i | while i | during | temporarily | for now
        for the time being | by the end | effective from | on monday | on friday | in the new year | holiday
        vacation | until further notice | for a month | for a few | some day | someday | one day | eventually
        weekend | monday | friday | when | after | before | once i | soon as i
    """,
    Mark.OTHER: """
        take me off hold | put me on hold | off hold | leave me a | leave a | remove (the/these/all/your/) ads
        remove (the/these/all/your/) adverts | waiting list | wait list | blacklist | black list | friends list
        friend list | guest list | contact us | group chat | group | search results | moderator | old address
        other address | work address | home address | previous address | my old email | old email | new address
        other email | second address | other account | second account | old account | duplicates | duplicate
        two copies | copies of each | at night | on sundays | on sunday | in german | in english | in french
        in spanish | sundays | weekends | wrong language | refund | money | charge | charged | charges | billing
        bill | invoice | payment | pay | paid | card | credit | credits | premium | order | password | username
        log out | premium subscription | paid subscription | plan | trial | purchase | bought | price | prices
        cost | delivery | shipping | package | chat | chat room | room | rooms | block | blocked | ban | banned
        ad in the app | photo | picture | video | phone number | my phone | phone | cancel my premium | gold
        plus membership | vip | coins | tokens | tickets | ticket | booking | appointment | job | application
        interview | meeting | call me | install | uninstall | download | software | version | theme | device
        computer | windows | android | comment | comments | post | posts | review | survey | gift | winner | won
        prize | contract | remove the ads | ads in | showing me ads | showing ads | cookies | tracking | recurring
        auto renew | auto renewal | automatic renewal | cancel my subscription | membership fee
        cancel my membership | cancel my plan | license | licence | donation | donate | event | webinar | dog
        cat | weather | train | bus | flight | hotel
    """,
    Mark.ANGER: """
        complaint | complain | harassment | lawyer | attorney | legal action | sue | ico | ftc | authority
        regulator | report you | reporting you | reported | court | solicitor | police | illegal | unlawful
        violation | violating | breach | against the law | can spam | damages | data protection authority
        compensation | fine you | cnil | disgrace | disgraceful | without my consent | without my permission
        where did you get | how did you get | who gave you | sold my | my data was | stole | third time asking
        final warning | last warning | escalate | scam | scammers | fraud | phishing | fake | hacked
        identity theft | leak | leaked
    """,
    Mark.CANCEL_REQUEST: """
        never mind | nevermind | nvm | forget it | forget about it | changed my mind | change my mind | disregard
        ignore this | ignore my | ignore that | scrap that | scratch that | actually no | on second thought
        on second thoughts | wait | hold on | cancel that | cancel my request | take it back | take that back
        no need | ignore | retract my | withdraw my request | cancel my unsubscribe | cancel the unsubscribe
        cancel this request | dont bother | already done | sorted | resolved | not anymore needed | wrong person
        wrong address | sent by mistake | my bad | strike that | please disregard | to cancel my opt out
        revoke my opt out | revoke my unsubscribe | withdraw my opt out | withdraw my objection
        revoke my objection | cancel my opt out | revoke my request
    """,
    Mark.STATEMENT: """
        (you/you have) received this | you are receiving this | you receive this | because you are
        because you signed up | because you subscribed | you get this | are subscribed | you are subscribed
        your address was | i can | we can | one can | easy | simple | simplicity | hard | difficult | complicated
        love that | love how | great that | great how | glad | happy that | nice that | good that | good how
        like that | like how | like the | awesome | it works | works great | works fine | impressed | thanks for
        thank you for | thanks for removing | thank you for removing | thanks for unsubscribing
        thank you for unsubscribing | you dont | you do not | you never | you no longer | you want
        you would like me | you need | you send | you sent | you are sending | you were | you havent
        you have not | you didnt | you did not | you cant | you cannot | you wont | i get no | i dont get
        i dont receive | i do not receive | i no longer receive | i no longer get | not getting | not receiving
        havent received | not received | never received | didnt receive | didnt get | stopped getting
        people unsubscribe | users unsubscribe | who unsubscribe | i never receive | i never get | i do not get
        have not received | never get | never receive | cant receive | cannot receive | no longer receiving
        no longer getting | i received | i got | i have received | anti spam | spam folder | junk folder
        spam filter | you make | you made | we unsubscribe | they | their list | their newsletter | spam score
        our list | our mailing list | our newsletter | our emails | unsubscribe from our | our database
    """,
    Mark.AUTOMATIC: """
        automatic reply | out of office | out of the office | autoreply | auto reply | auto response
        autoresponse | on vacation | on annual leave | automatic response | away from my desk | i am currently out
        limited access to email | away from the office | on leave until | on holiday until | automated response
        automated reply | automatically generated | will respond upon my return | out of office reply | ooo
        maternity leave | parental leave | i am on leave | am on annual leave | i am away
        no longer with the company | no longer works here | no longer employed | this mailbox is not monitored
        undeliverable | delivery status notification | we have received your | your ticket | has been received
        i am travelling
    """,
}
