"""French phrases of requests."""

from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.phrase_table import compile_phrase_table
from mailer.inbound.requests.word_folding import FoldingRules

FRENCH = compile_phrase_table(
    "fr",
    FoldingRules(),
    {
        Mark.STOP: """
            ne plus recevoir | desinscrire | desinscription | desinscrivez | desinscrivez moi | desinscris moi
            desinscris | desinscrives | desinscriviez | me desinscris | me desinscrire | desabonner | desabonne
            desabonnez | desabonnez moi | desabonne moi | desabonnement | desabonniez | desabonnes | me desabonne
            resilier mon abonnement | resiliez mon abonnement | annuler mon abonnement | annulez mon abonnement
            resiliation de mon abonnement | resiliation newsletter | fin de mon abonnement | desinscrir | desincrire
            me retirer de | etre desinscrit | etre desinscrite | etre desabonne | etre desabonnee | etre retire
            etre retiree | etre supprime de | etre supprimee de | ne plus etre sur | ne plus faire partie de
            sortir de (votre/cette/la/vos) liste | quitter (votre/cette/la) liste | sortez moi de | unsubscribe
            unsub | fichez moi la paix | foutez moi la paix | laissez moi tranquille | laisse moi tranquille
            me desister | oter de | mettre fin a mon abonnement | cesser mon abonnement | arreter mon abonnement
            ne plus etre abonne | ne plus etre abonnee | ne souhaite plus etre abonne | ne plus etre inscrit
            ne plus etre inscrite | ne plus etre contacte | ne plus etre contactee | ne plus figurer
            ne plus apparaitre | me rayer | rayez moi | rayer mon | rayez mon | radier | radiez moi | me radier
            annuler mon inscription | annulez mon inscription | annulation de mon inscription
            supprimer mon inscription | etre raye | resilie mon abonnement | me desengager | desinscrit svp
            desincription | annulation de mon abonnement | etre radie | desabonnement newsletter
            resiliation de l abonnement
        """,
        Mark.BARE: """
            resiliation | sortir | quitter | annuler | retrait | resilier | opt out | optout | desistement | radiation
            fin | annulation
        """,
        Mark.CEASE: """
            stop | arretez | arreter | arrete | cessez | cesser | cesse | stopper | stoppez | assez de | assez
            arretez de | arreter de | mettre fin | mettez fin | suspendre | suspendez | arret | arret de | arret des
            interrompre | cesse de | stoppe | arretiez | cessiez | basta | mettre un terme | interrompez
            ras le bol de | marre de
        """,
        Mark.REMOVE: """
            retire | retirer | retirez moi | enlevez moi | enlever | supprimez moi | supprimer | supprimez | retirez
            retire moi | enlevez | enleve moi | effacer | effacez | effacez moi | otez moi | oter | suppression
            virez moi | retrait de | suppression de | sortez | retiriez | supprimiez | m enlever | me supprimer
            me retirer | m oter | enleviez | otez | rayez | virer | eliminez moi | supprime moi
        """,
        Mark.NOT: """
            ne | n | pas | non | jamais | rien | aucun | aucune | sans | ni | personne ne | nullement | point
            surtout pas | guere
        """,
        Mark.NO_MORE: """
            (ne suis/suis) (pas/plus) (interesse/interessee) (par/a recevoir/de recevoir) | ne ~ plus | n ~ plus
            plus aucun | plus aucune | plus jamais | plus jamais de | ne ~ plus jamais | pas d autres
            ne ~ pas continuer a recevoir | ne ~ plus continuer a recevoir | aucun autre | ne ~ aucun | ne ~ aucune
            n ~ aucun | n ~ aucune | plus rien | plus recevoir | ne ~ plus de | ne ~ plus aucun
            ne ~ plus rien | pas envoyer | ne ~ pas envoyer
        """,
        Mark.SEND: """
            contacte | contactee | contactes | sollicite | sollicitee | etre contacte | etre contactee | derange
            derangee | etre sollicite | etre demarche | demarche | envoyer | envoyez | envoyer de | envoie | envoyiez
            envoi | m envoyer | m envoyez | l envoi | contacter | contactez | ecrire | ecrivez | solliciter
            sollicitez | spammer | spammez | harceler | harcelez | adresser | adressez | me contacter | transmettre
            relancer | relancez | m ecrire | demarcher | polluer | inonder | d envoyer | importuner | embeter
            me deranger | deranger
        """,
        Mark.GET: """
            je recois | recois | recevons | recevoir | reception | de recevoir | la reception | recevoir de | voir
            lire | etre destinataire | recevoir d
        """,
        Mark.WANT: """
            veux | souhaite | voudrais | desire | souhaiterais | aimerais | je veux | ai besoin | besoin | veut
            desirerais | voulons | souhaitons | envie | tiens | tiens pas a | prefere | prefererais | aimerai
        """,
        Mark.MAIL: """
            mails | mail | emails | email | courriels | courriel | messages | message | e mails | communications
            notifications | courriers electroniques | informations | mailing | mailings | mailling | spam | spams
            sollicitations | invitations | envois | courrier electronique | infolettres | de votre part | de vous
            vos envois | correspondance | pourriels | infos | spam s
        """,
        Mark.NEWSLETTER: """
            newsletter | infolettre | la newsletter | votre newsletter | cette liste | lettre d information | bulletin
            lettre d info | ces mails | ces messages | cette newsletter | ces emails | newsletters | ce mail
            cette lettre | ces courriels | ca | cela | ces trucs | cet abonnement | ce genre de mails
            ce genre de messages | ce type de mails | ce type de messages | ces newsletters | ces pubs
            lettres d information | lettre hebdomadaire | votre infolettre
        """,
        Mark.LIST: """
            liste | listes | liste de diffusion | liste d envoi | listes d envoi | listes de diffusion | fichier
            fichiers | base de donnees | liste de contacts | mailing list | liste mail | liste d abonnes
            mailing liste | carnet d adresses | liste email | fichier client | liste de mailing
            liste de distribution | listing | listings | base
        """,
        Mark.ADVERTISING: """
            publicite | publicites | pub | pubs | prospection | commerciales | commerciale | promotionnels
            promotionnelles | promotions | offres | marketing | publicitaires | prospection commerciale | promos
            commerciaux | reclame | publicitaire | promotionnel | demarchage | prospection directe | marketing direct
            fins commerciales | fins publicitaires | fins de prospection | promotion | promotionnelle
        """,
        Mark.EVERYTHING: """
            tout | tous | toutes | toute | toutes vos listes | l ensemble | quelconque | la totalite | quel qu il soit
            quelle qu elle soit | totalement | completement | definitivement | tout type de
        """,
        Mark.COMPANY: """
            votre entreprise | votre societe | votre groupe | toutes vos marques | vos marques | filiales
            toutes les marques | vos filiales | toutes vos societes | autres marques
        """,
        Mark.WITHDRAW: "revoque | revoquer | reviens sur | revocation de",
        Mark.CONSENT: "consentement | autorisation | accord | permission",
        Mark.OBJECT: """
            m oppose | opposition a | opposer | droit d opposition | m opposer | opposition au | opposition
            s opposer
        """,
        Mark.PROCESSING: """
            traitement | utilisation | l utilisation | au traitement | le traitement | utiliser | traiter | profilage
            utilisiez | utilisees | traitees
        """,
        Mark.ERASURE: """
            suppression definitive des donnees | suppression de mon compte | supprimer mon compte
            droit a l effacement | effacement de mes donnees | suppression de mes donnees | effacement
            droit a l oubli | suppression de toutes mes donnees | suppression des donnees | supprimez mon compte
            fermer mon compte | fermez mon compte | cloturer mon compte | permanent data deletion
            cloturez mon compte | cloture de mon compte | fermeture de mon compte | supprimer mes donnees
            supprimez mes donnees | effacer mes donnees | supprimer toutes mes donnees | resilier mon compte
            supprimer compte
        """,
        Mark.DATA: """
            donnees | donnees personnelles | mes donnees | mes donnees personnelles | donnees a caractere personnel
            mon profil | profil | informations personnelles | informations me concernant
        """,
        Mark.ACCOUNT: "compte | mon compte | compte client | compte utilisateur",
        Mark.ACCESS: """
            droit d acces | acces a mes donnees | acceder a mes donnees | quelles donnees | demande d acces
            portabilite | quelles informations | l acces a mes donnees
        """,
        Mark.COPY: "copie | une copie | copies",
        Mark.CORRECT: """
            rectifier | rectification | corriger | corrigez | correction | mal orthographie | modifier mon
            changer mon | mettre a jour | rectifiez | modifiez mon | orthographie | incorrect | incorrecte | erronee
            changement d adresse | mon nouveau | ma nouvelle adresse | mettez a jour | modifier ma | changez mon
            nouvelle adresse | est faux | est fausse
        """,
        Mark.RESTRICT: """
            limitation du traitement | limitation | limiter le | limitez le | restreindre | restriction | limiter
            limitez | article 18
        """,
        Mark.ELECTRONIC: """
            avis electroniques | electroniques | notifications electroniques | communications electroniques
            voie electronique | electronique | electroniquement | format electronique | forme electronique
        """,
        Mark.PAPER: """
            courrier postal | par ecrit | papier | par courrier | voie postale | par la poste | par lettre
            sur papier | format papier | par courrier postal | version papier
        """,
        Mark.NOTICE: "avis | notification | les avis",
        Mark.ME: "me | moi | m | je | j | nous | mon nom et moi",
        Mark.ADDRESS: """
            adresse | mon adresse | adresse mail | adresse email | mon mail | mon email | nom | mon nom
            mes coordonnees | coordonnees | adresse e mail | boite mail | ma boite mail | boite | ma boite
            adresse electronique | boite de reception | mon adresse mail | mon adresse email | mon courriel
            messagerie
        """,
        Mark.POLITE: """
            je vous ecris pour | me permets de vous ecrire pour | je vous contacte pour | vous contacte pour
            vous ecris pour | proceder | procedez | proceder a | procedez a | vouloir proceder a | merci de
            merci de bien vouloir | svp | s il vous plait | en tenir compte | d en tenir compte | d en prendre note
            de prendre note | en prendre note | s il te plait | stp | veuillez | pourriez vous | pouvez vous
            vous prie | prie de | bien vouloir | je vous prie | je vous prie de bien vouloir | je vous demande
            demande | merci d | voudriez vous | je vous demande de | prie | pouvez | pourriez | peux tu | pourrais tu
            veuillez s il vous plait | s il vous plais | je vous saurais gre | saurais gre | auriez vous l obligeance
            auriez vous l amabilite | ayez l obligeance | serait il possible de me | demander | priere de | priere
            vous remercie de bien vouloir | je vous remercie de | vous remercie de | remercie de
            vous remercie par avance de | confirmer | confirmez | confirmation | urgent | je sollicite
            je vous serais reconnaissant | je vous serais reconnaissante | vous serais reconnaissant | exige | somme
            merci par avance de | auriez vous la gentillesse | gentillesse | soyez gentils | veillez | s v p
            sil vous plait | sil vous plais | silvouplait | silvousplait | tenez | faites le necessaire
            le necessaire | faire le necessaire | de faire | de votre confirmation
        """,
        Mark.REASON: """
            plus du tout | ne m interesse plus du tout | m en sers plus | sans interet | aucun interet pour moi
            pas interesse par | plus interesse par | pas interessee par | plus interessee par | pas interesse par vos
            ne les regarde | ne regarde jamais | ne m interesse pas | ne m interesse plus | ne m interessent pas
            ne m interessent plus | n utilise plus | plus interesse | plus interessee | pas interesse | pas interessee
            beaucoup trop | trop de | trop | n ai pas le temps | ras le bol | marre | n ai plus besoin
            n en ai plus besoin | ne les lis pas | ne les lis jamais | ne lis pas | pas besoin | plus besoin
            n ai pas besoin | n en veux plus | en veux plus | n en veux pas | n en ai pas besoin | aucun interet
            pas d interet | plus d interet | jamais inscrit | jamais abonne | jamais souscrit | ne lis jamais
            ne me concerne pas | ne me concernent pas | ne me concerne plus | ne me concernent plus | n ouvre jamais
            ne joue plus | n utilise pas | non sollicites | non desires | indesirables | tous les jours | sans arret
            chaque jour | j en ai marre | en ai marre | en ai assez | ca suffit | suffit | non merci | m ennuie
            m ennuient | me derangent | ne suis plus interesse | ne suis plus interessee | ne suis pas interesse
            ne suis pas interessee | ne suis plus client | ne suis plus cliente | ne suis plus membre
            ne me sert plus | ne me servent a rien | ne sert a rien | pas pour moi | plus utile | plus le temps
            envahissent | envahit | saturee | encombre | encombrent | sature | plein | agacant | fatigue | fatiguant
            recois sans cesse | sans cesse | constamment | quotidiennement | je n en veux plus | je ne m en sers plus
            ne m en sers plus | ne l utilise plus | ne les ouvre jamais | ne lis plus | ne les lis plus | me gonfle
            me gonflent | sans rancune | plus d utilite | pas de reponse necessaire
        """,
        Mark.GREETING: """
            bonjour | bonsoir | madame | monsieur | salut | chere equipe | cher | chere | messieurs | mesdames | slt
            coucou | hello | bonjour a tous | bonjour madame | equipe | l equipe | a qui de droit | bjr
            madame monsieur | hey | support | chers | bonjour monsieur | service client
        """,
        Mark.CLOSING: """
            merci | cordialement | merci d avance | bonne journee | salutations | merci beaucoup | bien cordialement
            mes salutations distinguees | veuillez agreer | agreer | sinceres salutations | bien a vous | a bientot
            agreez | expression | distinguees | distingues | salutations distinguees | bonne soiree | mes sentiments
            cdlt | cdt | bonne continuation | merci a vous | par avance | bye | mes meilleures salutations
            respectueusement | mille mercis | mrc | au revoir | bonne fin de journee | bon week end | bon weekend
            je vous remercie | vous remercie | remerciements | sinceres | recevez | l assurance | consideration
            ma consideration | d avance | l expression | crdlt | bises | a vous | amicalement | dans l attente
            remercie
        """,
        Mark.SPLIT: "je | j | car | et | parce que | puisque | mais | merci | ou",
        Mark.FILL: """
            on | leur | celui ci | celle ci | propre | dessus | numero | presentes | vers | tous vos | toutes vos
            partout | sans objet aucun | aucun objet | de | du | des | d | la | le | l | les | un | une | a | au | aux
            en | pour | par | sur | avec | vos | votre | vous | ta | tes | ton | te | t | toi | cette | ce | cet | ces
            c | s | se | y | mes | mon | ma | notre | nos | est | etre | suis | ete soit | soit | qui | que | qu
            dans | tres | vraiment | maintenant | immediatement | des maintenant | tout de suite | plus vite
            au plus vite | rapidement | dans les meilleurs delais | desormais | a l avenir | dorenavant | la presente
            par la presente | presente | service | site | application | appli | il | elle meme | fins | aussi
            egalement | ok | bon | ici | aujourd hui | conformement | conformement a | article | rgpd | 21 | 15 | 17
            7 | 2 | 3 | art | vouloir | caractere | personnel | personnelles | donc | alors | savoir gre | effet
            immediat | delai | delais | plus tot | le plus tot possible | possible | des que possible | lettre semaine
            hebdomadaire | mensuelle | quotidienne | quotidiens | autre | autres | sortes | sorte | genre | type
            faire | fait | concernant | suite | a la suite | titre | objet | vertu | en vertu | demandes | vue | moyen
            divers | ainsi | afin | fond | encore merci | bref | putain | merde | foutus | foutu | bordel | satanes
            enfin bref | vite | directement | loi | avant tout | detenez | detenues | que vous | me concernant
        """,
        Mark.QUESTION: """
            comment | pourquoi | ou puis | quand est | quel | quelle | est ce que | est ce qu | puis je | peut on
            est il possible | question | savoir si | expliquer | expliquez | qui est | que se passe | dites moi
            combien | c est vrai | y a t il | quoi | existe t il | je me demande | aide | aidez moi | aider
            renseignement | dois je | faut il | marche a suivre | quelles | quels | peux t on | pourrais je
            comprends pas | est ce vrai | comment faire
        """,
        Mark.IF: """
            si | s ils | sinon | au cas ou | a moins que | avant que | tant que | peut etre | j hesite | envisage
            failli | presque | hesite | jusqu a | a condition | faute de quoi | a defaut | songe | pense a | reflechis
            j espere | esperant | risque de | eventuellement
        """,
        Mark.THIRD: """
            mari | mon mari | epouse | femme | ma femme | mere | pere | fils | fille | frere | soeur | ami | amie
            amis | copain | copine | collegue | patron | chef | client | cliente | decede | decedee | mort | il est
            elle | lui | ils | elles | utilisateur | utilisateurs | grand mere | grand pere | enfants | enfant
            quelqu un | au nom de | belle mere | beau pere | employe | parents | gens | tante | oncle | voisin
            voisine | employes | maman | papa | conjoint | conjointe | compagnon | compagne | neveu | niece
            petit fils | personne | personnes | beau frere | salarie | salaries | salariee | defunt | defunte
            famille | pseudo | tiers
        """,
        Mark.PAST: """
            me suis desinscrit | me suis desinscrite | me suis desabonne | me suis desabonnee | suis desabonne
            suis desinscrit | desinscrit | desinscrite | deja | semaine derniere | mois dernier | hier | encore
            il y a | toujours | malgre | ai demande | ai deja | troisieme fois | deuxieme fois | plusieurs fois
            a nouveau | de nouveau | nouvelle fois | continuez a | m avez desabonne | m avez desinscrit | ai resilie
            ai annule | relance | pourtant | avez desabonne | a ete | ai ete | avez desinscrit | ont desabonne
            desabonnes sans | ai clique | ai essaye | essaye | enieme | enieme fois | fois | maintes | reprises
            recommence | recommencez | avait promis | aviez promis | annee derniere | j avais | rappel | ai envoye
            m aviez | desabonnee | tentative | tentatives | reiteres | ai stoppe
        """,
        Mark.REPORT: """
            dit | dis | disait | m a dit | a dit | ecrit | le mot | mot | appele | appelee | titre de | signifie
            phrase | exemple | par exemple | s appelle | repondez | reponds | raconte | intitule | m a demande
            selon mon | citation | chanson | livre | veut que | d ecrire | salon nomme | film | traduire | traduction
            test | definition | veut dire | nomme | dire
        """,
        Mark.JOKE: """
            plaisante | blague | rigole | je rigole | haha | lol | mdr | ptdr | hihi | ironie | c est une blague
            je deconne | deconne | poisson d avril | plaisanterie | humour | ah non | bien sur que non | tu parles
            xd
        """,
        Mark.KEEP: """
            envoyez ~ plus de | envoyez moi plus | envoie moi plus | envoyer plus de | veux plus de | voudrais plus de
            souhaite plus de | desire plus de | aimerais plus de | recevoir plus de | envoyez plus de | garder
            rester | continuez comme | continuez | laissez moi sur la liste | laissez moi sur | laissez moi
            gardez moi | seulement | uniquement | sauf | excepte | au lieu de | plutot | moins de | moins souvent
            moins | par mois | par semaine | j adore | reduire | frequence | ne me desabonnez pas
            ne me desinscrivez pas | conserver | continuer | hormis | a l exception | en revanche | toutefois
            cependant | reste | mais pas | pas la newsletter | surtout ne | mais je souhaite | ne recevoir que
            ne recevoir qu | espacer | suspendre temporairement | rater | manquer | une fois | au moins | que les
            que la | que le | telephone | par telephone | sms | par sms | appels | maintenez | maintenir
            ne m enlevez pas | ne me retirez pas | ne me supprimez pas | gardez | tout sauf | je tiens a | aime bien
            pas de toutes | pas tous | pas tout | changer de
        """,
        Mark.BACK: """
            par erreur | erreur | reinscrire | reinscrivez | reabonner | remettez | remettre | m inscrire | inscrire
            abonner | retablir | par inadvertance | accident | inscrivez moi | inscription a | trompe | me suis trompe
            revenir | reinscription | reabonnement | reabonnez | abonnez moi | reactiver | inscription | abonnez
            m abonner | renouveler | inscrivez | annuler ma desinscription | annulez ma desinscription
            annuler mon desabonnement
        """,
        Mark.LINK: """
            lien | bouton | page | ne marche pas | ne fonctionne pas | cliquez | cliquer | formulaire | clic | bug
            parametres | lien de desabonnement | lien de desinscription | clique | procedure | preferences | option
            reglages | connexion | identifier | ne s ouvre pas | message d erreur | page de desabonnement
            page de desinscription | en panne | procedure de | processus | fonctionne pas | marche pas | taux | case
            bouton de desinscription | bouton de desabonnement | connecter | parcours
        """,
        Mark.LATER: """
            mois prochain | semaine prochaine | demain | plus tard | fin du mois | a partir du | a partir de
            provisoirement | temporairement | pour l instant | vacances | apres | en janvier | en mars | en juin
            bientot | lundi | prochain | prochaine | quand | lorsque | un jour | en avril | en juillet | en aout
            en septembre | en octobre | en novembre | en decembre | en fevrier | fin de l annee | pendant | des que
        """,
        Mark.OTHER: """
            liste noire | liste d attente | liste d amis | groupe | ancienne adresse | autre adresse | ancien mail
            ancien email | autre compte | en anglais | en francais | le dimanche | la nuit | le week end | doublon
            doublons | en double | facile | difficile | simple | complique | compliquee | argent | remboursement
            rembourser | remboursez | rembourse | remboursez moi | facture | paiement | payer | carte | premium
            mot de passe | commande | livraison | salon | salons | salle | chat | credits | credit | prix | photo
            video | bloquer | moderateur | contrat | abonnement premium | mon abonnement premium | preleve
            prelevement | prelevements | telephone portable | emploi | rendez vous | euros | pieces | cadeau | gagner
            gagnez | gagne | sondage | dans l application | dans l appli | colis | assurance maladie | mutuelle
            abonnement | forfait | essai | jeton | jetons | logiciel | bannir | banni | stage | candidature | cours
            internet | electricite | gaz | train | hotel | salle de sport | box | operateur | impots | cotisation
            adhesion
        """,
        Mark.ANGER: """
            plainte | cnil | avocat | tribunal | illegal | harcelement | porter plainte | reclamation | honteux
            scandaleux | saisir | sans mon consentement | sans mon accord | comment avez vous obtenu | ou avez vous eu
            police | inadmissible | arnaque | autorite | signaler | mise en demeure | dernier avertissement
            poursuites | justice | signalerai | escroquerie | escrocs | fraude | pirate | signalement | infraction
            dgccrf | me plaindre
        """,
        Mark.CANCEL_REQUEST: """
            finalement non | finalement | laissez tomber | change d avis | oubliez | ignorez | ne tenez pas compte
            tenez pas compte | ne pas tenir compte | attendez | annulez ma demande | tout compte fait | laisse tomber
            mauvaise adresse | c est regle | regle | resolu | erreur de ma part | annuler ma demande
            retire ma demande | inutile | sans objet | reflexion faite | oublie | tenir compte
        """,
        Mark.STATEMENT: """
            vous recevez (ce/cet/cette) | vous avez recu | parce que vous | car vous etes | pour vous desabonner
            pour vous desinscrire | pour ne plus recevoir nos | nos mails | nos emails | il n y a | n y a | y a plus
            il y a plus | ne recois plus | ne recois pas | ne recois aucun | vous n envoyez | vous ne m envoyez
            vous ne | n ai pas recu | n arrivent pas | ne recois rien | je ne recois | recois plus | recois pas
            recois rien | n ai plus recu | n ai rien recu | dossier spam | vous n | vous voulez | notre liste
            notre newsletter | ne recevons | avez arrete | vous avez cesse | a arrete | recois aucun | gens se
        """,
        Mark.AUTOMATIC: """
            reponse automatique | absent du bureau | absente du bureau | en conges | en conge | absence du bureau
            message automatique | absent jusqu | absente jusqu | de retour | a mon retour | des mon retour | absence
            accuse de reception | avons bien recu | conge maternite | ne fait plus partie | absent | absente
        """,
    },
)
