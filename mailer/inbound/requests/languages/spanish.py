"""Spanish phrases of requests."""

from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.phrase_table import compile_phrase_table
from mailer.inbound.requests.word_folding import FoldingRules

SPANISH = compile_phrase_table(
    "es",
    FoldingRules(),
    {
        Mark.STOP: """
            ya no (quiero/deseo) (estar/seguir) (suscrito/suscrita) | no (quiero/deseo) seguir (suscrito/suscrita)
            no (quiero/deseo) estar (suscrito/suscrita) | me dieran de baja | dieran de baja | me diera de baja
            me diesen de baja | darme de baja | dar de baja | darse de baja | denme de baja | dame de baja
            deme de baja | dadme de baja | den de baja | den ~ de baja | darme de vaja | dar de vaja | denme de vaja
            dame de vaja | darnos de baja | me den de baja | me de de baja | me des de baja | me deis de baja
            solicito la baja | solicito mi baja | pido la baja | solicitud de baja | solicitar la baja
            solicitar mi baja | quiero la baja | quiero mi baja | desuscribir | desuscribirme | desuscribanme
            desuscribeme | desuscribirse | desuscribame | desuscripcion | desinscribirme | desinscribir | desapuntarme
            borrarme | cancelar mi suscripcion | cancelar la suscripcion | cancelar suscripcion
            anular mi suscripcion | anular suscripcion | anular la suscripcion | cancelen mi suscripcion
            cancele mi suscripcion | cancela mi suscripcion | cancelad mi suscripcion | cancelacion de suscripcion
            cancelacion de mi suscripcion | cancelacion de la suscripcion | darme de alta baja | dejar de recibir
            unsubscribe | unsub | salir de la lista | salirme de la lista | salir de esta lista
            salirme de esta lista | salirme de | anulen mi suscripcion | anule mi suscripcion
            terminar mi suscripcion | dejar de estar suscrito | dejenme en paz | dejame en paz | dejadme en paz
            ser eliminado de | ser dado de baja | ser dada de baja | ser removido de | ser borrado de
            sea dado de baja | baja de | baja del | baja en | mi baja | la baja | quiero salir de | baja inmediata
            desvincularme | me doy de baja | desubscribir | desubscribirme | desubscribanme | cancelo mi suscripcion
            cancelo la suscripcion | quiero baja | dar baja | darme baja | tramiten mi baja | tramitar mi baja
            procedan a mi baja | procedan a darme de baja | gestionen mi baja | baja porfa | optar por no recibir
        """,
        Mark.BARE: """
            baja | vaja | bajas | cancelar | salir | anular | cancelacion | opt out | optout | fuera
        """,
        Mark.CEASE: """
            dejaran de | dejasen de | que dejaran de | cancelen | cancelad | anulen | stop | basta | basta de
            basta ya | dejen de | deja de | deje de | dejad de | paren | pare | para de | paren de | pare de | cesen
            cese | cesen de | parar | cesar | alto | no mas | detengan | detener | suspendan | suspender | ya basta
            ya basta de | dejar de | detenga | interrumpan | que dejen de | que deje de | dejen ya de | parad de
            parad
        """,
        Mark.REMOVE: """
            ser (eliminado/eliminada/borrado/borrada/removido/removida/retirado/retirada/excluido/excluida)
            (sea/sean) (eliminado/eliminada/retirado/retirada) | dar de baja mi | den de baja mi | me quitaran
            me eliminaran | me sacaran | me borraran | me retiraran | quitaran | eliminaran | sacaran | borraran
            eliminasen | me quiten ya | retiraran | eliminar | borrar | quitar | suprimir | sacar | retirar
            elimineme | retireme | suprimame | suprimeme | remuevame | eliminarme | quitenos | saquenos | eliminenos
            eliminenme | eliminame | eliminen | elimine | elimina | quitenme | quitame | quitarme | quiteme | quiten
            saquenme | sacame | sacarme | saqueme | saquen | borrenme | borrame | borreme | borren | borre | borra
            retirenme | retirarme | retiren | retirame | suprimanme | suprimirme | supriman | suprima | remuevanme
            removerme | remueveme | remuevan | me eliminen | me quiten | me saquen | me borren | me retiren
            eliminacion de | sacadme | quitadme | borradme | eliminadme | me elimine | me quite | me saque | me borre
            excluyanme | excluirme | me excluyan | me supriman
        """,
        Mark.NOT: "no | nunca | jamas | ni | sin | nada | ningun | ninguna | tampoco | ninguno | nadie",
        Mark.NO_MORE: """
            (ya/) no me interesa recibir | (ya/) no me interesa seguir recibiendo
            no estoy (interesado/interesada) en recibir | no tengo interes en recibir | no ~ seguir recibiendo
            no ~ continuar recibiendo | ya no ~ seguir recibiendo | no ~ mas | ya no | no ~ nunca mas | nunca mas
            ni un ~ mas | ningun ~ mas | ninguna ~ mas | no ~ nada mas | nada mas de | no vuelvan a | no vuelva a
            no ~ ningun | no ~ ninguna | no ~ en el futuro | ni uno mas | no sigan | no me ~ mas
        """,
        Mark.SEND: """
            enviarla | enviarlos | enviarlas | enviarlo | mandarlos | mandarlas | mandarla | enviarmelas | mandarmelos
            envienme | enviadme | mandenme | escribanme | mandadme | mandame | enviame | contactenme | enviarnos
            envienos | enviarmelos | enviarme | enviar | envien | envieis | envie | envies | enviando | mandarme
            mandar | manden | mande | mandes | mandeis | mandando | escribirme | escriban | escriba | contactarme
            contacten | contactar | molestarme | molesten | molestar | enviandome | mandandome | me envien | me manden
            spamearme | envio de | envio | el envio | los envios de | bombardearme | bombardeen | remitir | remitan
            remitirme | acosarme | contactandome | spam eandome | llenarme | molestando | enviaran
        """,
        Mark.GET: """
            recibo | me llegan | llegan | llega | estoy recibiendo | recibir | recibirlos | recibirlas | recibir sus
            la recepcion de | recibiendo | ver | leer | recepcion de | a recibir | la recepcion | saber
        """,
        Mark.WANT: """
            quiero | deseo | quisiera | me gustaria | necesito | kiero | queremos | deseamos | quisieramos | prefiero
            quieros | desearia | querria | interesa | quería | me apetece
        """,
        Mark.MAIL: """
            correos | correo | correos electronicos | correo electronico | email | emails | mails | mail | mensajes
            mensaje | notificaciones | comunicaciones | informacion | correspondencia | mailing | mailings
            avisos por correo | suscripcion | correos suyos | mensajes suyos | correitos | basura | spam
            correo basura | porquerias | invitaciones | comunicacion | boletines | correos masivos | de ustedes | suyo
            suyos | nada de ustedes
        """,
        Mark.NEWSLETTER: """
            boletin | newsletter | el boletin | al boletin | del boletin | esta lista | boletin semanal
            resumen semanal | estos correos | estos mensajes | estos emails | este boletin | boletin de noticias
            esto | este correo | esta newsletter | boletin informativo | esta suscripcion | estas cosas
            esta publicidad | tus correos | estos mails | este tipo de correos | este tipo de mensajes | esta basura
            las newsletters | la newsletter
        """,
        Mark.LIST: """
            base de datos | base de datos de envios | bases de datos | base de datos de correos | lista | listas
            lista de correo | lista de correos | lista de distribucion | lista de envio | base de correos
            lista de suscriptores | listas de correo | listado | lista de difusion | listas de distribucion
            listado de correo | lista de contactos | lista de envios | listas de envio | lista de mails
            lista de emails | base de datos de correo | mailing list
        """,
        Mark.ADVERTISING: """
            publicidad | promociones | ofertas | promocionales | comerciales | comercial | marketing | mercadotecnia
            mercadotecnia directa | fines comerciales | publicitarios | publicitarias | anuncios | propaganda
            promocion | promocional | marketing directo | publicitario | fines publicitarios | fines promocionales
            publicitaria | fines de marketing | correos publicitarios | prospeccion comercial | publi
            fines de mercadotecnia
        """,
        Mark.EVERYTHING: """
            todo | todos | todas | toda | cualquier | ningun tipo de | cualquier tipo de | todo tipo de
            ninguna clase de | de ningun tipo | por completo | completamente | totalmente | definitivamente
        """,
        Mark.COMPANY: """
            su empresa | de su empresa | su grupo | todas sus marcas | sus marcas | su compania | sus empresas
            todas las marcas | grupo de empresas | empresas del grupo | filiales
        """,
        Mark.WITHDRAW: """
            retiro | revoco | revocar | retirar mi | retirar el | revocacion de | anulo | revoque
        """,
        Mark.CONSENT: "consentimiento | autorizacion | permiso | mi consentimiento | mi autorizacion",
        Mark.OBJECT: """
            me opongo | oposicion a | oponerme | ejerzo mi derecho de oposicion | derecho de oposicion | oponerme a
            oposicion al | oposicion
        """,
        Mark.PROCESSING: """
            tratamiento | el tratamiento | uso | procesamiento | utilizacion | al tratamiento | al uso | traten
            utilicen | usen | elaboracion de perfiles
        """,
        Mark.ERASURE: """
            eliminacion permanente de datos | eliminacion de datos | eliminacion de mi cuenta | borrar mi cuenta
            eliminar mi cuenta | derecho de supresion | derecho al olvido | supresion de | supresion de mis datos
            cerrar mi cuenta | borrado de mis datos | borrar mis datos | eliminar mis datos | eliminacion de mis datos
            borrar todos mis datos | eliminar todos mis datos | eliminacion definitiva de datos | borrado de datos
            permanent data deletion | suprimir mis datos | borrado de mi cuenta | supresion | eliminar cuenta
            borrar cuenta | cancelar mi cuenta | dar de baja mi cuenta
        """,
        Mark.DATA: """
            datos | mis datos | datos personales | mis datos personales | informacion personal | mi informacion
            perfil | mi perfil
        """,
        Mark.ACCOUNT: "cuenta | mi cuenta | usuario y cuenta | membresia",
        Mark.ACCESS: """
            derecho de acceso | acceso a mis datos | acceder a mis datos | que datos | solicitud de acceso
            que informacion | derecho a acceder | portabilidad
        """,
        Mark.COPY: "copia | una copia | copia de | copias",
        Mark.CORRECT: """
            corrijan | corrijanlo | corregir | rectificar | rectificacion | correccion | rectifiquen | mal escrito
            cambiar mi | cambien mi | actualizar | actualicen | corrija | esta mal | incorrecto | es incorrecta
            erroneo | modificar mi | nueva direccion
        """,
        Mark.RESTRICT: """
            limitacion del tratamiento | limitacion | limiten | limitar el | restringir | restrinjan | limitar
            articulo 18
        """,
        Mark.ELECTRONIC: """
            notificaciones electronicas | avisos electronicos | comunicaciones electronicas | electronicas
            electronicos | medios electronicos | electronicamente | formato electronico
        """,
        Mark.PAPER: """
            correo postal | por escrito | papel | en papel | por carta | correo ordinario | postal | por correo postal
            via postal | por correo ordinario
        """,
        Mark.NOTICE: "avisos | notificacion | aviso | los avisos",
        Mark.ME: "me | yo | mi | nos | conmigo | m",
        Mark.ADDRESS: """
            direccion | mi correo | mi email | mi direccion | nombre | mi nombre | mi mail | direccion de correo
            mi correo electronico | mi direccion de correo | bandeja | mi bandeja | bandeja de entrada
            mi direccion de email | direccion de email
        """,
        Mark.POLITE: """
            (les/le/os) escribo para | escribo para | me dirijo a ustedes para | les contacto para | procedan
            procedan a | procedan a la | procedan con | tramiten | gestionen | efectuen | realicen | por favor
            porfavor | porfa | pueden | podrian | podria | puede | ruego | les ruego | agradecido si me
            les agradeceria si me | solicito | les pido | pido | le pido | agradeceria | se lo ruego | xfa | xfavor
            pf | podeis | podriais | puedes | podrias | favor de | favor | tengan la bondad | sirvanse | solicito que
            ruego que | les ruego que | les agradeceria | les agradeceria que | le agradeceria que | rogaria
            hagan el favor de | hagan el favor | confirmenme | confirmen | confirmar | confirmacion | exijo
            les solicito | porfis | agradezco | se sirvan | tendrian la amabilidad de | serian tan amables de
            serian tan amable de | urgente | urgentemente | amablemente | solicitarles | pedirles | agradeceria que
            quisiera pedirles que | quisiera pedir que | quiero pedirles que | quiero pedir | quiero solicitar
            por fa | proceda a | haga el favor de
        """,
        Mark.REASON: """
            ya no (la/lo/las/los) leo | ya no leo | no me interesa | no me interesan | ya no me interesa
            ya no me interesan | no estoy interesado | no estoy interesada | ya no uso | no uso | ya no utilizo
            no tengo tiempo | demasiados | demasiado | muchos | muchisimos | estoy harto | estoy harta | harto de
            harta de | ya no quiero esto | no quiero esto | no los leo | nunca los leo | no lo leo | nunca los abro
            no necesito | ya no necesito | no lo necesito | no me sirve | no me sirven | no gracias | ya no me sirve
            no las leo | ya no estoy interesado | ya no estoy interesada | no tengo interes | sin interes
            nunca me suscribi | nunca me inscribi | no me he suscrito | no los quiero | no lo quiero
            ya no los quiero | ya no lo quiero | cada dia | todos los dias | a diario | constantemente | no solicitado
            no solicitados | no deseados | no deseado | me molesta | me molestan | me cansan | molestos | no me gusta
            no me gustan | no solicitada | saturado | saturada | me satura | ya no juego | ya no soy cliente
            ya no soy miembro | ya no participo | siempre | no son de mi interes | no es de mi interes | ya no es util
            ya no me es util | no utilizo | sin nada que reprochar | nada personal | no hace falta que respondan
            que pesados | pesados
        """,
        Mark.GREETING: """
            hola | buenos dias | buenas tardes | buenas noches | estimados | estimados senores | estimado | estimada
            buenas | senores | senor | senora | equipo | muy buenas | buen dia | saludos equipo | hola equipo
            hola buenas | estimados senores y senoras | a quien corresponda | amigos | chicos | apreciados
            estimado equipo | soporte
        """,
        Mark.CLOSING: """
            gracias | muchas gracias | saludos | un saludo | saludos cordiales | atentamente | cordialmente
            de antemano | un abrazo | mil gracias | gracias de antemano | muy amables | quedo a la espera
            cordial saludo | slds | atte | hasta luego | adios | buen dia para todos | feliz dia | un cordial saludo
            gracias por su ayuda | por su atencion | por su comprension | grax | salu2 | reciban un cordial saludo
            muchas gracias por todo | que tengan buen dia | espero su confirmacion | gracias por adelantado | chao
            besos
        """,
        Mark.SPLIT: "pues | porque | y | ya que | pero | estoy | recibo | gracias | hola | o",
        Mark.FILL: """
            estar | nosotros | somos | mismo | misma | correspondiente | siguiente | presentes | vuestros correos
            quedo | constar | conste | haber | propia | propio | favorablemente | informativo | informativa
            informativos | sin asunto | a | al | de | del | la | el | los | las | lo | un | una | unos | en | para
            por | con | su | sus | tu | tus | vuestra | vuestro | vuestros | vuestras | mis | que | se | es | soy
            este | esta | estos | estas | ese | esa | esos | esas | aqui | ya | ahora | inmediatamente | de inmediato
            cuanto antes | lo antes posible | hoy | mas | mas que nada | presente | por la presente
            por medio de la presente | servicio | el servicio | ustedes | usted | vosotros | ti | te | os | les | le
            fines | electronicos electronica | ok | bueno | entonces | solamente gracias | articulo | rgpd | 21 | 15
            17 | 7 | 2 | 3 | art | parte | medio | pagina | aplicacion | sitio | web | urgencia | futuro
            en el futuro | en adelante | a partir de ahora | desde ahora | desde hoy | personales | semanal | mensual
            semanales | efecto inmediato | con efecto inmediato | mediante | directa | directo | manera | forma
            inmediata | registrado | registrada | tipo | siempre jamas | tan | muy | tanto | tantos | tanta | tantas
            puñeteros | malditos | maldita | jodidos | joder | pinche | pinches | carajo | mierda | puta | de una vez
            de una vez por todas | del todo | derecho | conforme | segun | vez | ha | han | ser | sea | algo | cosa
            cosas | almacenados | almacenada | tienen | tengan | sobre | hacer | demas | otros | otro | otra | otras
        """,
        Mark.QUESTION: """
            como puedo | como me | como se | donde | cuando se | por que | porque no me | cual | quien | puedo
            es posible | hay alguna | hay manera | pregunta | quisiera saber | me pregunto | saber como | que pasa
            cuanto | cuando | como hago | duda | consulta | tengo que | debo | ayuda | ayudenme | como darme
            como dar | de que manera | que debo | me pueden decir | me pueden explicar | explicar | expliquenme
            como cancelar | como cancelo | como dejo | alguna forma | es verdad | como
        """,
        Mark.IF: """
            si | en caso de | a menos que | salvo que | antes de que | quiza | quizas | tal vez | estoy pensando
            casi | siempre que | de lo contrario | hasta que | a no ser que | pensando en | estoy por | a punto de
            podria ser | o si no | si no | espero que | mientras
        """,
        Mark.THIRD: """
            marido | mi marido | esposo | esposa | mujer | madre | padre | hijo | hija | hermano | hermana | amigo
            amiga | jefe | jefa | colega | companero | companera | abuela | abuelo | el usuario | usuario | usuarios
            clientes | cliente | fallecio | fallecido | murio | ella | ellos | novio | novia | papa | mama | hijos
            ninos | suegra | suegro | primo | tio | tia | alguien | en nombre de | empleado | gente | trabajador
            pareja | vecino | vecina | sobrino | sobrina | nieto | persona | personas | tercero | empleados
            otra persona | familia | esposo mio | difunto | difunta | senor perez
        """,
        Mark.PAST: """
            (fui/he sido) (eliminado/eliminada/borrado/borrada) | me eliminaron | me quitaron | me borraron
            me sacaron | me di de baja | di de baja | ya me di de baja | ya pedi | he pedido | pedi | solicite
            ya solicite | la semana pasada | el mes pasado | ayer | hace | sigo recibiendo | siguen enviando
            siguen llegando | todavia | aun | otra vez | de nuevo | nuevamente | tercera vez | segunda vez
            varias veces | repetidas | sigo | siguen | me dieron de baja | cancele | anule | desuscribi
            me desuscribi | cuantas veces | pese a | a pesar | ya les | ya habia | veces | sigan enviando
            sigue llegando | me habia | ya cancele | he solicitado | he intentado | intente | he dado de baja
            estoy dado de baja | se dio de baja | dado de baja | dada de baja | dieron de baja | reiteradas
            prometieron | siguen mandando | continuan | continua | recordatorio | el ano pasado | ultima vez
            ya lo pedi | ya me | les pedi
        """,
        Mark.REPORT: """
            dijo | dice | dicen | decir | escribio | escribir | escriba la palabra | palabra | la palabra | llamado
            llamada | titulo | titulado | significa | frase | ejemplo | por ejemplo | dijeron | me han dicho
            segun dice | responda | asunto del | leo que | pone | se llama | cuento | libro | cancion | pelicula
            traduccion | traducir | prueba | responder | me pidio | quiere que | comento | sala llamada | contesta
        """,
        Mark.JOKE: """
            broma | bromeo | bromita | jaja | jajaja | jeje | es broma | ironia | mentira | era broma | lol | jejeje
            jajajaja | bromeando | inocente | ni loco | ni loca | que va | ja
        """,
        Mark.KEEP: """
            quedarme | me quedo | seguir recibiendo | mantener | mantenganme | conservar | solo | unicamente | excepto
            salvo | en vez de | en lugar de | menos | pero no | sino | una vez al mes | al mes | a la semana
            por semana | reducir | frecuencia | me encanta | me encantan | los adoro | dejenme en la lista
            dejame en la lista | no me den de baja | no me borren | no me quiten | no me eliminen | menos correos
            sigan enviando el | sin embargo | aunque | mantener el | seguir | no cancelen | continuar | sigan asi
            sigan | pausar | pausa | no dejen de | nunca dejen de | no deje de | no paren | perderme | excepcion
            pero si | no la de | no el de | no todos | no todo | al menos | cambiar a | llamadas | telefono | sms
            por sms | push | los importantes | facturas
        """,
        Mark.BACK: """
            volver a | sin querer | por error | equivocacion | error | alta | darme de alta | suscribirme
            suscribanme | suscribir | me equivoque | equivocado | reactivar | inscribirme | vuelvan a | reanudar
            accidentalmente | por accidente | me equivoco | inscripcion | suscribete | suscribo | apuntarme | regresar
            de vuelta | deshacer | reincorporar | renovar | unirme
        """,
        Mark.LINK: """
            enlace | link | boton | pagina no | no funciona | no funcionan | pulse | clic | formulario | liga
            no sirve el | da error | hice clic | opcion | preferencias | configuracion | vinculo | proceso de baja
            no carga | no abre | sesion | iniciar sesion | el proceso de | ajustes | casilla | tramite | procedimiento
            la opcion de
        """,
        Mark.LATER: """
            proximo mes | proxima semana | manana | mas tarde | fin de mes | final de mes | a partir del
            a partir de enero | a partir de | temporalmente | por ahora | por el momento | vacaciones | despues de
            luego | el lunes | en enero | en marzo | en abril | en mayo | en junio | en julio | en agosto | en octubre
            en noviembre | en diciembre | antes de | al terminar | al finalizar | algun dia | cuando termine
            proximo ano | despues
        """,
        Mark.OTHER: """
            lista negra | lista de espera | lista de amigos | direccion antigua | antigua direccion | otra direccion
            mi otro correo | correo antiguo | viejo correo | correo viejo | en ingles | en espanol | los domingos
            de noche | otra cuenta | duplicados | facil | dificil | complicado | sencillo | dinero | reembolso | pago
            pagar | cobro | factura | premium | contrasena | pedido | sala | salas | chat | moderador | bloquear
            foto | video | tarjeta | saldo | cuota | medica | laboral | baja medica | baja laboral
            baja por maternidad | de baja medica | maternidad | baja maternal | estoy de baja | suscripcion premium
            membresia premium | entrega | envio de mi pedido | precio | precios | contrato | devuelvan | devolver
            telefono movil | trabajo | curso | euros | creditos | calidad | premio | gane | gano | prestamo | encuesta
            cita | empleo | aplicacion no | app no | banear | baneado | monedas | plan | la baja calidad
            temporada baja | planta baja | velocidad | mas baja | muy baja | bateria | medico | voluntaria
            baja voluntaria | incapacidad | seguro | seguridad social | internet | linea | luz | gas | gimnasio
            clases
        """,
        Mark.ANGER: """
            queja | denunciar | denunciarlos | denuncia | abogado | aepd | reclamacion | ilegal | acoso
            agencia de proteccion | demanda | demandar | tribunal | proteccion de datos | verguenza
            sin mi consentimiento | sin mi permiso | de donde sacaron | como consiguieron | como obtuvieron | estafa
            policia | reclamar | profeco | quejarme | vulneracion | infraccion | estafadores | fraude | hackeado
            sancion | multa | de donde han sacado | ultimo aviso | ultima advertencia
        """,
        Mark.CANCEL_REQUEST: """
            olvidenlo | olvidalo | mejor no | cambie de opinion | he cambiado de opinion | ignoren | ignore
            no hagan caso | esperen | espera | me arrepenti | me arrepiento | dejenlo | no hace falta
            ya no hace falta | ya esta resuelto | resuelto | pensandolo bien | anulen mi solicitud | solucionado
            hagan caso omiso | caso omiso | no tengan en cuenta | dejalo | cancelen mi solicitud de baja
            anular mi solicitud | anular mi baja | cancelar mi baja | anulen mi baja | cancelen mi baja
            cancelen la baja
        """,
        Mark.STATEMENT: """
            (recibe/recibes/has recibido/ha recibido/esta recibiendo/estas recibiendo) este | porque se suscribio
            porque esta suscrito | para darse de baja | para darte de baja | para cancelar su suscripcion | no recibo
            ya no recibo | no me llegan | no me llega | ustedes no | ya no me llegan | no he recibido | dejaron de
            deje de recibir | han dejado de | nunca recibo | no estoy recibiendo | carpeta de spam | ustedes envian
            no me envian | ya no me envian | no llegan | quieren que | nuestra lista | nuestro boletin
            nuestros correos | nuestra base | he dejado de | dejo de recibir
        """,
        Mark.AUTOMATIC: """
            respuesta automatica | fuera de la oficina | fuera de oficina | estoy de vacaciones | de vacaciones hasta
            ausente | mensaje automatico | autorespuesta | estare de vuelta | a mi regreso | estare fuera
            acuse de recibo | hemos recibido su | licencia por maternidad | ya no trabaja | me encuentro fuera
            permiso de | respondere a
        """,
    },
)
