"""German phrases of requests."""

from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.phrase_table import compile_phrase_table
from mailer.inbound.requests.word_folding import FoldingRules

GERMAN = compile_phrase_table(
    "de",
    FoldingRules(joins_apostrophes=True, folds_umlauts=True),
    {
        Mark.STOP: """
            ausgetragen zu werden | abgemeldet zu werden | ausgetragen werden | vom verteiler genommen werden
            (herausgenommen/rausgenommen) werden | (lasst/lass/lassen) ~ in ruhe | abmelden | abzumelden | abbestellen
            abzubestellen | austragen | auszutragen | melde ~ ab | melden ~ ab | meld ~ ab | meldet ~ ab
            bestelle ~ ab | bestellen ~ ab | bestell ~ ab | trage ~ aus | tragen ~ aus | trag ~ aus | tragt ~ aus
            nehmt ~ raus | abmeldung | abbestellung | austragung | newsletterabmeldung | abgemeldet werden
            nimm ~ raus | aus (der/ihrer/eurer/deiner/dieser) (liste/mailingliste/verteilerliste) nehmen
            lasst mich in ruhe | lassen sie mich in ruhe | lass mich in ruhe | unsubscribe | mich auszutragen
            raus aus (dem/eurem) verteiler | mochte raus | will raus | nicht mehr angeschrieben werden | abbestelle
            deabonnieren | abonnement beenden | abo beenden | keine weitere zusendung | abmelde | abmelden mich
            abbestell | streichen ~ verteiler | streicht ~ verteiler | streiche ~ verteiler | werbewiderspruch
            abmeldewunsch | newsletter abo beenden | nicht mehr (kontaktiert/angeschrieben/beliefert) werden
            mich abzumelden | unsub
        """,
        Mark.BARE: """
            kundigung | kundigen | kundige | raus | ende | weg | austritt | opt out | optout | stornieren
            widerspruch | widerruf
        """,
        Mark.CEASE: """
            verschont ~ mit | verschonen ~ mit | stop | stopp | stoppen | einstellen | einzustellen | stellen ~ ein
            stellt ~ ein | stelle ~ ein | stell ~ ein | hort ~ auf | horen ~ auf | hor ~ auf | aufhoren | aufzuhoren
            unterlassen | zu unterlassen | unterlassen sie | unterlasst | beenden | beenden sie | beendet
            schluss mit | stoppt | stoppen sie | aufhoren mit | unterlass | unterbinden | zu stoppen | zu beenden
            abstellen | stellen ~ ab | stellt ~ ab | abzustellen | schluss | es reicht mit | verzichten ~ auf
        """,
        Mark.REMOVE: """
            genommen zu werden | genommen werden | gestrichen zu werden | geloscht zu werden | entfernt zu werden
            loschung meiner | loschung der | loschung aller | loschung | nehmen | nehmt | nimm | loschen | losche
            loscht | losch | zu loschen | entfernen | entferne | entfernt | entfern | zu entfernen | streichen
            streiche | streicht | gestrichen werden | geloscht werden | entfernt werden | herausnehmen | rausnehmen
            nehmen ~ heraus | rausloschen | rauszunehmen | zu streichen | herauszunehmen | schmeisst | werft
            schmeiss | tilgen | rausschmeissen | nehmt ~ heraus
        """,
        Mark.NOT: """
            nicht | nie | niemals | nichts | nix | kein | keine | keinen | keinerlei | keiner | ohne | weder
            noch nie | keineswegs | nein | nich | net | auf keinen fall | ned | keinesfalls | niemand | nimmer
        """,
        Mark.NO_MORE: """
            verzichte auf | verzichten auf | verzichte kunftig auf | keine ~ mehr | kein ~ mehr | keinen ~ mehr
            nicht ~ mehr | nichts ~ mehr | nix ~ mehr | nie ~ wieder | keinerlei ~ mehr | keine ~ weitere
            keine weiteren | keine weitere | nicht weiter | nie mehr | keine zukunftigen | nicht mehr | nichts mehr
            nix mehr | ab sofort keine | ab sofort nichts | kunftig keine | in zukunft keine | zukunftig keine
            bitte keine | bitte kein | von ~ absehen | nicht langer | keine neuen
        """,
        Mark.SEND: """
            angeschrieben | kontaktiert | angeschrieben werden | kontaktiert werden | vollzuspammen | zuzuspammen
            zu spammen | vollzumullen | zuzumullen | schicken | schickt | schick | schicke | senden | sendet | sende
            zusenden | zuschicken | zuzusenden | zu schicken | zu senden | zusendung | zusendungen | schicken sie
            senden sie | anschreiben | schreiben sie mir | schreibt mir | kontaktieren | kontaktiert mich | belastigen
            belastigt | zuspammen | zumullen | vollspammen | zu kontaktieren | bombardieren | zuschickt | zusendet
            versand | zustellung | mailen | zu mailen | nerven | anzuschreiben | zu belastigen | zugesandt
            zugeschickt | zugeschickt bekommen | zugesendet | spammen | spammt | zuzuschicken | belieferung
            ubersenden
        """,
        Mark.GET: """
            ich bekomme | bekomme | ich erhalte | erhalte | kriege | erhalten | bekommen | kriegen | empfangen
            zu erhalten | zu bekommen | lesen | sehen | bekommen zu | erhalt | empfang | beziehen | haben | zugestellt
        """,
        Mark.WANT: """
            mochte | will | wunsche | mocht | wollen | mochten | wurde gerne | wurde gern | brauche | wunschen
            brauch | hatte gerne | hatte gern | mochte gerne | mochte gern | wurd gern | benotige | legen ~ wert
            lege ~ wert auf
        """,
        Mark.MAIL: """
            email | emails | mail | mails | nachrichten | nachricht | mailings | post | benachrichtigungen | rundmails
            rundmail | informationen | infos | zuschriften | emailbenachrichtigungen | newslettern | infomails
            info mails | mitteilungen per email | spam | mist | mull | schrott | zeug | kram | massenmails
            emailverkehr | elektronische post | von ihnen | von euch | von dir | einladungen | erinnerungen
            spammails | spam mails | mailflut | emailflut
        """,
        Mark.NEWSLETTER: """
            newsletter | rundbrief | newsletters | den newsletter | wochenruckblick | diese mails | diese emails
            diesen newsletter | dieser newsletter | das | diesen mist | dieses zeug | diesen spam | dieser verteiler
            diesem verteiler | dieser liste | diese liste | newsletterabo | newsletter abo | newsletterabonnement
            infobrief | solche mails | solche emails | solche nachrichten | diese nachrichten | diesem newsletter
            diese werbung
        """,
        Mark.LIST: """
            datenbank | kundendatenbank | adressbestand | newsletterdatenbank | verteiler | liste | mailingliste
            verteilerliste | mailverteiler | emailverteiler | emailliste | newsletterverteiler | adressliste
            verteilern | listen | adressverteiler | mailinglisten | mailliste | email verteiler | newsletterliste
            mail verteiler | email liste | newsletter verteiler | adressdatenbank | kartei
        """,
        Mark.ADVERTISING: """
            werbung | werbemails | werbemail | werbe email | werbeemails | werbe emails | werbe | direktwerbung
            werbezwecke | werbezwecken | angebote | marketing | werbepost | reklame | werblichen | werbliche
            werbesendungen | werbenachrichten | zu werbezwecken | marketingzwecken | promo | promotion | werbeemail
            sonderangebote | direktmarketing | emailwerbung | werbe mails | werbe mail | werbeangebote
            marketingmails | werbliche ansprache | fur werbliche zwecke | marketingzwecke | marketing emails
            werbematerial
        """,
        Mark.EVERYTHING: """
            alle | allem | allen | alles | samtliche | samtlichen | jegliche | jede | jegliches | jeglicher | komplett
            vollstandig | uberhaupt | allesamt | jeder art | jede art | irgendwelche | egal welche
        """,
        Mark.COMPANY: """
            ihrer firma | ihres unternehmens | ihrem unternehmen | allen ihren marken | all ihren marken | alle marken
            aller ihrer marken | eurer firma | all euren marken | alle ihre marken | ihrer gruppe | konzern | konzerns
            unternehmensgruppe | tochterfirmen | ihrem konzern | allen marken | all ihrer marken | ihrer marken
            verbundenen unternehmen
        """,
        Mark.WITHDRAW: """
            widerrufe | widerrufen | ziehe ~ zuruck | nehme ~ zuruck | zuruckziehen | entziehe | widerruf meiner
            widerruf der | zu widerrufen
        """,
        Mark.CONSENT: """
            einwilligung | zustimmung | einverstandnis | erlaubnis | genehmigung | einverstandniserklarung
            einwilligungen | einwilligungserklarung
        """,
        Mark.OBJECT: """
            widerspreche | widersprechen | widerspruch gegen | lege ~ widerspruch ein | widerspruch ein
            lege widerspruch | erhebe widerspruch | zu widersprechen
        """,
        Mark.PROCESSING: """
            verarbeitung | nutzung | verwendung | verarbeiten | nutzen | verwenden | datenverarbeitung
            weiterverarbeitung | profiling
        """,
        Mark.ERASURE: """
            datenloschung | kontoloschung | permanent data deletion | recht auf loschung | recht auf vergessenwerden
            loschung meines | konto loschen | account loschen | profil loschen | daten loschen
            endgultige datenloschung | loschungsantrag | konto auflosen | konto schliessen | loschbegehren
        """,
        Mark.DATA: """
            daten | personenbezogenen daten | personenbezogene daten | personlichen daten | meine daten
            informationen uber mich | gespeicherten daten | profil | nutzerdaten | personenbezogener daten
            kundendaten | personenbezogen | personliche daten
        """,
        Mark.ACCOUNT: "konto | account | benutzerkonto | mitgliedschaft | nutzerkonto | kundenkonto",
        Mark.ACCESS: """
            auskunft | auskunftsersuchen | datenauskunft | selbstauskunft | auskunftsanspruch | welche daten
            recht auf auskunft | auskunftsrecht | datenexport | auskunftsbegehren
        """,
        Mark.COPY: "kopie | datenkopie | kopien | eine kopie",
        Mark.CORRECT: """
            berichtigen | berichtigung | korrigieren | korrektur | andern sie | andert | falsch geschrieben
            korrigiert | berichtigt | neue adresse | adressanderung | namensanderung | aktualisieren | umgezogen
            ist falsch | falsch | andern | neue mailadresse | neue email adresse
        """,
        Mark.RESTRICT: """
            schranken ~ ein | einschrankung der | einschranken | einzuschranken | einschrankung | schrankt ~ ein
            art 18 | artikel 18 | sperrung meiner
        """,
        Mark.ELECTRONIC: """
            elektronische mitteilungen | elektronischen mitteilungen | elektronische | elektronischen | elektronisch
            elektronischer
        """,
        Mark.PAPER: """
            per post | postweg | papier | schriftlich | auf papier | in papierform | brieflich | per brief
            schriftliche | postalisch | in schriftlicher form | papierform
        """,
        Mark.NOTICE: "mitteilungen | mitteilung | bescheide | hinweise | benachrichtigung",
        Mark.ME: "mich | mir | uns | ich | meiner einer",
        Mark.ADDRESS: """
            adresse | emailadresse | mailadresse | email adresse | mail adresse | name | namen | meine email
            meine mail | emailkonto | postfach | meine daten aus
        """,
        Mark.POLITE: """
            (bestatigen/bestatigt) ~ abmeldung | bestatigung der abmeldung | bestatigung meiner abmeldung
            abmeldung zu bestatigen | abmeldung bestatigen | schreibe ihnen um | ich schreibe ihnen um
            kann mich (bitte/) jemand | konnte mich (bitte/) jemand | kann mich (bitte/) wer | veranlassen
            veranlassen sie | bitte veranlassen sie
            (ware/bin/waren) (ihnen/euch) (sehr/) (dankbar/verbunden) wenn (sie/ihr)
            ware (schon/toll/nett/lieb/super/klasse) wenn (sie/ihr) | bitte | konnten sie | konnt ihr | konnen sie
            kannst du | wurden sie | wurdet ihr | wurdest du | konntet ihr | konntest du | ich bitte sie | ich bitte
            bitte sie | ich fordere sie auf | fordere | auffordern | freundlichst | bittet | seien sie so | sei so
            seid so | gut und | nett und | lieb und | freundlich und | ich bitte darum | ich bitte um | bitten
            bitte um | um ~ gebeten | beantrage | hiermit beantrage ich | darf ich bitten | bidde | bestatigen
            bestatigen sie | bestatigung | eine bestatigung | um bestatigung | dringend | danke im voraus fur
            ware nett | ware super | gerne | verlange | ich verlange | fordere sie | sind sie so
            konnte mich bitte jemand | darum bitten | ersuche | wird gebeten
        """,
        Mark.REASON: """
            fuhle mich ~ belastigt | fuhle mich ~ gestort | kein kunde | bin kein kunde | bin keine kundin
            keine verwendung mehr | nicht mehr auf ~ angewiesen | interessiert mich nicht mehr
            nicht mehr von interesse | von interesse | lese sie nicht | lese ihn nicht | lese ich sowieso nicht
            nie darum gebeten | kein bedarf mehr an | kein interesse | kein interesse mehr | kein interesse ~ mehr
            nicht interessiert | nicht mehr interessiert | nutze ~ nicht mehr | brauche ~ nicht mehr
            brauche ich nicht | lese ~ nicht | lese sie nie | keine zeit | viel zu viele | zu viele | zu viel
            viel zu viel | es reicht | reicht | genug | habe genug | genug davon | nervt | nerven nur | nervig
            standig | andauernd | taglich | jeden tag | interessiert mich nicht | nicht mehr relevant | nicht relevant
            passt nicht | nie bestellt | habe ich nie bestellt | nie angefordert | nicht angefordert
            nicht mehr aktiv | bin ~ nicht mehr | will das nicht mehr | will das nicht | mochte das nicht mehr
            mochte das nicht | will ich nicht mehr | will ich nicht | brauche das nicht mehr | brauche das nicht
            keinen bedarf | kein bedarf | kein bedarf mehr | lese das nicht | lese das nie | nicht mehr benotigt
            uninteressant | keine verwendung | ich habe genug | interessiert ~ nicht | interessieren ~ nicht
            kein kunde mehr | keine lust mehr | keine lust | uberflussig | unerwunscht | unerwunschte | unaufgefordert
            nicht gewunscht | nicht mehr gewunscht | nein danke | nichts fur ungut | die nase voll | nase voll
            nie angemeldet | nie dafur angemeldet | hab ~ nie bestellt | nicht bestellt | lese ich nie
            lese ich nicht | lese ich eh nicht | lese eh nicht | ungelesen | landet ~ papierkorb | quillt uber
            nutze ich nicht | nutze ich nicht mehr | spiele nicht mehr | lastig | lastige | lastigen | nervigen
            nervige | immer | hat sich ~ verandert | keine antwort notig | brauche keine | brauche ich nicht mehr
            langweilig | langsam | zumullt | flut
        """,
        Mark.GREETING: """
            hallo | guten tag | hi | liebes team | sehr geehrte damen und herren | sehr geehrte | damen und herren
            guten morgen | moin | servus | hey | liebe | liebes | gruss gott | team | hallo zusammen | guten abend
            s g damen und herren | tag | sehr geehrter | sehr geehrtes | moin moin | grussgott | gruezi | support
            support team | kundenservice | kundendienst | leute | zusammen | na
        """,
        Mark.CLOSING: """
            danke | vielen dank | mit freundlichen grussen | mfg | freundliche grusse | viele grusse | lg
            liebe grusse | beste grusse | gruss | grusse | vg | danke schon | dankeschon | danke im voraus
            mit freundlichem gruss | besten dank | vielen dank im voraus | schone grusse | hochachtungsvoll
            schonen tag | tschuss | merci | thx | herzliche grusse | mit besten grussen | dank | dank im voraus | bg
            schonen tag noch | ciao | vielen lieben dank | freundlicher gruss | freundlichen gruss | gruss und dank
            tausend dank | fg | einen schonen tag | bye | schones wochenende | fur ihre muhe | fur ihre hilfe
            fur die muhe | fur eure hilfe
        """,
        Mark.SPLIT: "und | denn | weil | da | aber | danke | vielen dank | oder",
        Mark.FILL: """
            kurz | kurze | kurzer | weiterer | jeder | jedem | jegliche weitere | irgendwelcher | beim | durchgehend
            uns gegenuber | wir | stehen | selbst | eh | sowieso | eigentlich | ja | eben | bitte schon | gewunscht
            nun | ihrerseits | eurerseits | jeweils | folgende | folgenden | dieser stelle | auf diesem wege | wege
            weitere zusendungen | an mich | kein betreff | ohne betreff | einmal | der | die | dem | den | des | ein
            eine | einen | einer | von | vom | aus | fur | an | am | im | in | zu | zum | zur | mit | bei | nach | ab
            auf | sie | ihr | ihre | ihren | ihrem | ihrer | ihres | euer | eure | eurem | eurer | euren | dein
            deine | deiner | deinem | deinen | du | euch | ihnen | dir | mein | meine | meinen | meiner | meinem
            meines | dies | diese | diesen | dieser | dieses | diesem | jetzt | sofort | ab sofort | umgehend
            schnellstmoglich | bitte sofort | endgultig | dauerhaft | hiermit | hierdurch | kunftig | zukunftig
            in zukunft | mehr | weitere | weiteren | weiter | bitte auch | auch | nur | einfach | wirklich | so
            schon | also | mal | halt | echt | doch bitte | wegen | uber | bzgl | betreff | gemass | nach art | art
            artikel | abs | absatz | dsgvo | 21 | 15 | 17 | 7 | 2 | 3 | i | s | v | m | werden | wird | werde | ist
            sind | bin | habe | hab | hatte | dienst | service | app | seite | webseite | website | unverzuglich
            heute | ok | okay | per | durch | sich | es | dann | zwecken | zwecke | zweck | recht | gern | herr
            es tut | zwei | jahren | monaten | bereits genug | wie gesagt | hier | dort | was auch immer | gespeichert
            gespeicherte | personlichen | wochentlich | monatlich | werter | damit | davon | als | schnell | bald
            moglichst | so schnell wie moglich | verdammt | verdammten | verdammte | scheiss | blod | bloden | blode
            ewig | sehr | alten | alte | ganze | ganzen | vermehrt | massig | auf mein | registriert | registrierte
            adressiert | moglich | wohl | sonst nichts | weiterhin | wieso auch immer
        """,
        Mark.QUESTION: """
            wie | wo | warum | wieso | weshalb | wann | was | wer | ob | kann ich | kann man | konnte ich | darf ich
            muss ich | ist es moglich | gibt es | frage | fragen | wissen | erklaren | was passiert | stimmt das
            anleitung | hilfe | weiss nicht | welche | welcher | welchen | habe ich | werde ich | soll ich
            funktioniert das | finde | finde nicht | moglichkeit | hilf | helfen | sagen sie mir | was ist | bin ich
        """,
        Mark.IF: """
            mit dem gedanken | gedanken | wenn | falls | sofern | sollte | sollten | es sei denn | ansonsten | sonst
            bevor | solange | bis | uberlege | vielleicht | eventuell | evtl | fast | beinahe | ware | wurde ich
            hatte ich | spiele mit dem gedanken | demnachst | uberlegt | kurz davor | andernfalls | gegebenenfalls
            ggf | hoffe | vorausgesetzt | je nachdem
        """,
        Mark.THIRD: """
            mann | meinen mann | meine frau | mutter | vater | freund | freundin | sohn | tochter | bruder | schwester
            kollege | kollegin | kollegen | chef | oma | opa | kunde | kundin | verstorben | verstorbene | gestorben
            er | ihn | ihm | kind | kinder | kindern | eltern | ehemann | ehefrau | schwiegermutter | schwiegervater
            mitarbeiter | mitarbeiterin | nachbar | nachbarin | jemand | jemanden | leute die | nutzer | user
            benutzer | enkel | tante | onkel | im namen von | im auftrag | bekannte | bekannter | partner | partnerin
            betreute | betreuter | klient | mandant | mandantin | sein | seine | seinen | seiner | freunde | man
            lebensgefahrten | vorgesetzter | personen | teilnehmer | schuler | mannes | sohnes | freundes | familie
            nutzerin
        """,
        Mark.PAST: """
            wurde ~ abgemeldet | wurde ~ ausgetragen | wurde ~ geloscht | wurde ~ entfernt | abgemeldet | abbestellt
            ausgetragen | gekundigt | bereits | schon abgemeldet | schon einmal | schon mehrfach | letzte woche
            letzten monat | gestern | trotzdem | immer noch | noch immer | vor ~ wochen | vor ~ tagen | vor ~ monaten
            dennoch | mehrfach | mehrmals | nochmals | nochmal | noch einmal | erneut | wiederholt | zum dritten mal
            dritte mal | zweite mal | zum zweiten mal | zum wiederholten mal | trotz | wieder | widersprochen
            widerrufen habe | gebeten | aufgefordert | gestoppt | geloscht | entfernt worden | eingestellt
            angekundigt | zugesagt | versprochen | neulich | damals | schon ~ gebeten | ignoriert | ignorieren
            weiterhin mails | weiterhin emails | weiterhin werbung | nach wie vor | erinnerung | letztes jahr
            vergangene woche | ging nicht | versucht | zugesichert | schon wieder | noch mails | noch emails
            noch werbung | noch newsletter | heute morgen | vorhin | habt ihr | haben sie mich
        """,
        Mark.REPORT: """
            sagt | sagte | gesagt | meinte | meint | schreibt | schrieb | geschrieben | heisst | das wort | wort
            betreffzeile | stichwort | zitat | laut | steht | genannt | namens | hiess | bedeutet | bedeutung
            uberschrift | beispiel | zum beispiel | z b | hort | gehort | fragte | fragt | wollte | wollten | sollen
            soll | soll ich schreiben | schreiben | behauptet | titel | lied | buch | spruch | ubersetzen
            ubersetzung | test | antwort mit | antworten sie mit | traum | getraumt | film | raum namens
            gruppe namens | abmeldet | abmelden wollen | sich abmelden
        """,
        Mark.JOKE: """
            spass | scherz | witz | haha | lol | hihi | spassle | nur spass | kleiner scherz | ironie | april april
            quatsch | reingelegt | hahaha | hehe | jk | von wegen | denkste | hihihi | ironisch | veraeppelt
            verarscht
        """,
        Mark.KEEP: """
            melde ~ ab und zu | melden ~ ab und zu | ab und zu | anrufen | anruf | behalten | weiter so | bleiben
            drin lassen | nur noch | stattdessen | statt | ausser | bis auf | seltener | weniger | reduzieren
            einmal pro | einmal im monat | eine mail pro | eine email pro | pro woche | pro monat | pausieren | pause
            trotzdem gerne | gerne weiterhin | weiter erhalten | weiterhin erhalten | weiterhin bekommen | gern lese
            lese ~ gern | freue mich | auf keinen fall abmelden | ausgenommen | ausschliesslich | mit ausnahme
            jedoch | lasst mich drauf | lassen sie mich drauf | allerdings | nicht aber | nicht den | nicht die
            nicht das | nicht alle | nicht alles | sondern | lieber | bleibe | dabei bleiben | dabei | drauf lassen
            nur den | nur die | nur das | nicht verpassen | verpassen | ruhen | nicht von der | nicht vom | nicht aus
            stelle um | umstellen | wechseln | per sms | anrufe | telefonisch | telefon | pushnachrichten | push
            wichtige mails | rechnungen weiterhin | weiterhin schicken | weiterhin senden | schickt ~ weiter
        """,
        Mark.BACK: """
            nehmen ~ auf | nehmt ~ auf | nimm ~ auf | in den verteiler | in ihren verteiler | in euren verteiler
            auf die liste | in die liste | auf ihre liste | auf eure liste | anmelden | anzumelden | wieder anmelden
            versehen | aus versehen | versehentlich | irrtum | irrtumlich | eintragen | einzutragen | tragen ~ ein
            trage ~ ein | wieder ein | ruckgangig | wieder aufnehmen | abonnieren | fehler | falschlicherweise
            verklickt | zuruck auf | wieder bekommen | wieder erhalten | anmeldung | melde ~ an | melden ~ an
            aufnehmen | reaktivieren | wieder freischalten | freischalten | registrieren | angemeldet
            wiederanmeldung | ungewollt | wieder zu | verlangern | erneuern | wieder rein
        """,
        Mark.LINK: """
            link | abmeldelink | knopf | button | seite geht | funktioniert nicht | geht nicht | klappt nicht
            klicken | klicke | geklickt | formular | fehlermeldung | abmeldeseite | einstellungen | abmeldeprozess
            abmeldefunktion | abmeldeformular | abmeldebutton | link funktioniert | abmelde link | abmeldevorgang
            defekt | kaputt | der abmeldung | die abmeldung | eure abmeldung | ihre abmeldung | seite ladt | login
            einloggen | ausloggen | beim abmelden | zum abmelden | abmeldemoglichkeit | abmeldequote | abmelderate
            option | ubersichtlich | abmeldebestatigung | abmeldemail
        """,
        Mark.LATER: """
            monatsende | jahresende | nachste woche | nachsten monat | nachstes jahr | morgen | spater | ende des
            zum ende | ab januar | ab februar | ab marz | ab april | ab mai | ab juni | ab juli | ab august
            ab september | ab oktober | ab november | ab dezember | ab dem | vorubergehend | wahrend | voriibergehend
            zum 1 | zum 31 | zum 30 | sobald | nachdem | voruber | irgendwann | erstmal | vorerst | urlaub | ferien
            zunachst | fristgerecht | zum nachstmoglichen
        """,
        Mark.OTHER: """
            warteliste | schwarze liste | schwarzen liste | freundesliste | blacklist | chatraum | gruppe
            moderatorenliste | alte adresse | alte mailadresse | alte emailadresse | neue adresse an | andere adresse
            anderen account | zweite adresse | alte email adresse | alten account | auf englisch | auf deutsch
            am wochenende | nachts | sonntags | doppelt | doppelte | geld | ruckerstattung | erstattung | rechnung
            zahlung | bezahlt | abgebucht | guthaben | premium | abo | passwort | bestellung | lieferung | paket
            chat | raum | raume | nutzer melden | gesperrt | sperren | moderator | foto | bild | video | telefonnummer
            preis | preise | vertrag | premium abo | mitgliedsbeitrag | beitrag | karte | kreditkarte | konto gesperrt
            termin | bewerbung | stelle | handyvertrag | chatfenster | ticket | software | update | version | handy
            computer | gewinn | gewonnen | kredit | euro | gewinnspiel | umfrage | cookies | mitgliedschaft kundigen
            abonnement | arbeit | krank | lastschrift | tarif | probeabo | veranstaltung | kurs | wetter | zug | hotel
            flug | schule | hund | katze | gas | strom | beim arbeitsamt | auto | kfz | wohnsitz
        """,
        Mark.ANGER: """
            beschwerde | beschweren | anwalt | klage | datenschutzbehorde | anzeige | verbraucherzentrale | abmahnung
            rechtsanwalt | unverschamtheit | illegal | rechtswidrig | belastigung | strafanzeige | melde sie | polizei
            betrug | schadensersatz | bundesnetzagentur | ohne meine einwilligung | ohne meine zustimmung
            woher haben sie | woher habt ihr | aufsichtsbehorde | frechheit | gericht | verstoss | landesdatenschutz
            landesbeauftragte | unterlassungserklarung | abmahnen | rechtliche schritte | abzocke | betruger
            phishing | gehackt | datenleck | letzte warnung | letztmalig
        """,
        Mark.CANCEL_REQUEST: """
            hat sich erledigt | erledigt | doch nicht | vergessen sie | vergesst es | vergiss es | ignorieren sie
            anders uberlegt | zuruckgenommen | bitte ignorieren | umentschieden | meinung geandert | ruckzieher
            doch bleiben | moment | warte | wartet | gegenstandslos | falsche adresse | falscher empfanger
            lieber doch | egal | schon gut | ach nee | ach nein | nehme meine abmeldung zuruck | abmeldung zuruck
            hinfallig | doch | abmeldung widerrufen
        """,
        Mark.STATEMENT: """
            sie erhalten diese | sie erhalten dieses | sie bekommen diese | du erhaltst diese | sie haben diese
            weil sie sich | weil du dich | falls sie keine | um sich abzumelden | um sich vom | um dich abzumelden
            leicht | schwer | kompliziert | ist einfach | so einfach | unkompliziert | schwierig | umstandlich
            sie schicken | ihr schickt | sie senden | ihr sendet | bekomme keine | erhalte keine | bekomme ich keine
            erhalte ich keine | kommen keine | bekomme nichts | bekomme ~ nicht | erhalte ~ nicht | kommt nicht an
            kommen nicht an | spamordner | kriege keine | keine ~ bekommen | keine ~ erhalten habe | sie wollen
            ihr wollt | unser newsletter | unserem newsletter | unseren newsletter | unsere mails | unserer liste
            sie melden | ihr meldet | kriege ~ nicht | erhalte ich nicht | bekomm keine | meldet sich
        """,
        Mark.AUTOMATIC: """
            abwesenheitsnotiz | automatische antwort | automatische abwesenheit | nicht im buro | ausser haus
            abwesend | abwesenheit | im urlaub | elternzeit | automatisch generierte | automatisch erstellt
            nicht im hause | mutterschutz | eingangsbestatigung | nicht erreichbar | nicht mehr im unternehmen
            nicht mehr fur | automatisierte antwort | emails werden nicht weitergeleitet | zuruck im buro
            wieder erreichbar
        """,
    },
)
