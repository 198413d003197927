"""The fields that a column of a file of people can fill, and the headings by which columns are recognized."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from unicodedata import normalize

from mailer.actions.importing.place_names import fold_name


class ImportField(StrEnum):
    """The field that a column fills. The first ones have the names of our own columns."""

    REF = "ref"
    EMAIL = "email"
    NAME = "name"
    LOCALE = "locale"
    COUNTRY = "country"
    SOURCE = "source"
    COLLECTED_AT = "collected_at"
    POLICY_VERSION = "policy_version"
    PURPOSE = "purpose"
    CONSENTS = "consents"
    CONSENT_SOURCE = "consent_source"
    CONSENT_VERSION = "consent_version"
    CONSENT_AT = "consent_at"
    CONSENT_WORDS = "consent_words"
    CONSENT_PROOF = "consent_proof"
    PAID = "paid"
    PRODUCTS = "products"
    OPTED_OUT = "opted_out"
    OBJECTED = "objected"
    RESTRICTED = "restricted"
    DEACTIVATED = "deactivated"
    AUDIENCES = "audiences"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    BIRTHDAY = "birthday"
    STREET = "street"
    STREET_2 = "street_2"
    POSTCODE = "postcode"
    CITY = "city"
    REGION = "region"
    POSTAL_ADDRESS = "postal_address"
    CONFIRMED_AT = "confirmed_at"
    UNSUBSCRIBED = "unsubscribed"
    """yes or no, or the time at which somebody unsubscribed."""
    SUBSCRIBED = "subscribed"
    """yes or no; no is an opt-out. A yes alone proves no consent."""
    STATUS = "status"
    TAGS = "tags"
    ATTRIBUTES = "attributes"
    """A JSON object with attributes by name."""


OWN_COLUMNS: Final = tuple(list(ImportField)[: list(ImportField).index(ImportField.AUDIENCES) + 1])
"""The fields that files in our own columns have."""
DATES: Final = frozenset(
    {
        *(ImportField.COLLECTED_AT, ImportField.CONSENT_AT, ImportField.CONFIRMED_AT, ImportField.BIRTHDAY),
        ImportField.UNSUBSCRIBED,
    }
)
"""The fields whose columns may hold dates."""
PROTECTING: Final = frozenset(
    {
        *(ImportField.BIRTHDAY, ImportField.UNSUBSCRIBED, ImportField.SUBSCRIBED, ImportField.STATUS),
        *(ImportField.OPTED_OUT, ImportField.OBJECTED, ImportField.RESTRICTED, ImportField.DEACTIVATED),
    }
)
"""The fields that keep mail from people. A value in them that cannot be read always refuses its row."""
SEVERAL: Final = frozenset({ImportField.UNSUBSCRIBED, ImportField.SUBSCRIBED, ImportField.STATUS, ImportField.TAGS})
"""The fields that several columns may fill."""
_F = ImportField
_HEADINGS: Final[Mapping[ImportField, str]] = {
    _F.REF: (
        "ref reference id customer customerid customerno customernumber customerref user userid memberid"
        " member contactid subscriberid externalid extid clientid uuid kundennr kundennummer kunde kundenid"
        " kdnr mitgliedsnummer mitgliedsnr benutzerid nutzerid numeroclient nclient idclient client"
        " numerodeclient codeclient idcliente cliente numerodecliente ncliente codcliente codicecliente"
        " klantnummer klantid klant numerklienta kundnr kundnummer"
        " 顧客番号 会員番号 顧客id ユーザーid رقمالعميل"
        " accountid account accountno accountnumber recordid"
    ),
    _F.EMAIL: (
        "email emailaddress mail mailaddress emails primaryemail workemail contactemail useremail"
        " emailadresse mailadresse adresseemail adressemail adressedemessagerie courriel adresseelectronique"
        " adressecourriel correo correoelectronico direcciondecorreo direcciondecorreoelectronico"
        " direccionemail indirizzoemail postaelettronica emailindirizzo enderecodeemail correioeletronico"
        " emailadres mailadres adresemail epost epostadress epostadresse eposta epostaadresi メール メールアドレス"
        " eメール 电子邮件 邮箱 電子郵件 البريدالالكتروني البريدالإلكتروني بريدالكتروني электроннаяпочта почта"
        " emailaddress1value email1 emailprimary"
    ),
    _F.NAME: (
        "name fullname displayname contactname customername vollername vollstandigername vorundnachname"
        " vornamenachname kundenname nomcomplet nometprenom prenometnom nomprenom nombrecompleto"
        " nombreyapellidos nombreyapellido nombreapellidos nomecompleto nomeecognome naam volledigenaam"
        " imieinazwisko namn 氏名 名前 お名前 姓名 الاسم الاسمالكامل имя фио"
    ),
    _F.FIRST_NAME: (
        "firstname fname givenname forename first vorname rufname prenom nombre nombredepila primernombre"
        " nome voornaam imie fornamn fornavn ad 名 الاسمالاول"
    ),
    _F.LAST_NAME: (
        "lastname lname surname familyname last nachname familienname zuname nomdefamille nom apellido"
        " apellidos cognome sobrenome achternaam nazwisko efternamn efternavn soyad 姓 اسمالعائلة"
    ),
    _F.LOCALE: (
        "locale language lang preferredlanguage sprache sprachcode korrespondenzsprache langue"
        " langueprefere languepreferee idioma idiomapreferido lingua taal jezyk sprak sprog dil 言語 语言 語言"
        " اللغة язык"
    ),
    _F.COUNTRY: (
        "country countrycode countryname cc countryregion land landercode landescode landerkennzeichen"
        " staat pays codepays pais codigopais paese nazione kraj ulke lande 国 国名 国家 國家 البلد الدولة страна"
    ),
    _F.BIRTHDAY: (
        "birthday birthdate dateofbirth dob born bday geburtstag geburtsdatum gebdatum geborenam"
        " datedenaissance naissance neele fechadenacimiento nacimiento cumpleanos datadinascita compleanno"
        " datadenascimento nascimento geboortedatum dataurodzenia fodelsedatum fodselsdato dogumtarihi 生年月日"
        " 誕生日 出生日期 生日 تاريخالميلاد датарождения"
    ),
    _F.COLLECTED_AT: (
        "collectedat joined joinedat joindate datejoined signedup signedupat signupdate signup signuptime"
        " registered registeredat registrationdate created createdat createddate datecreated createtime"
        " addedtime addedat dateadded subscribedat subscriptiondate optindate angemeldetam anmeldedatum"
        " anmeldung registriertam registrierungsdatum erstelltam angelegtam eingetragenam dateinscription"
        " datedinscription inscritle inscription creele datedecreation fechadealta fechaderegistro"
        " fecharegistro alta registrado creado datadiregistrazione datadiiscrizione iscrittoil"
        " datadecadastro datadeinscricao aanmelddatum datarejestracji 登録日 注册日期 customersince kundeseit"
        " mitgliedseit membersince clientdepuis membredepuis clientedesde miembrodesde clientedal klantsinds"
    ),
    _F.SOURCE: "source",
    _F.STREET: (
        "street streetaddress address1 addressline1 mailingstreet strasse str strassehausnr strassenr"
        " strassehausnummer strassehnr strasseundhausnummer anschrift rue adresse1 ligneadresse1 calle"
        " domicilio direccion1 via indirizzo rua endereco straat ulica gata gade sokak 番地 住所1 街道 улица شارع"
    ),
    _F.STREET_2: "street2 address2 addressline2 adresszusatz complementdadresse adresse2 direccion2 住所2 建物名",
    _F.POSTCODE: (
        "postcode postalcode zip zipcode plz postleitzahl codepostal cp codigopostal cap codicepostale cep"
        " kodpocztowy postnummer postnr postakodu 郵便番号 邮编 郵遞區號 индекс الرمزالبريدي"
    ),
    _F.CITY: (
        "city town locality ort stadt wohnort ville commune ciudad localidad poblacion municipio citta"
        " cidade plaats stad woonplaats miasto by sehir 市区町村 市 城市 город المدينة"
    ),
    _F.REGION: (
        "region state province county bundesland kanton departement provincia estado regione provincie 都道府県 省"
    ),
    _F.POSTAL_ADDRESS: (
        "address postaladdress mailingaddress fulladdress postalischeadresse postanschrift adresse"
        " adressepostale direccion direccionpostal indirizzopostale adres 住所 地址 العنوان адрес"
    ),
    _F.CONSENT_AT: ("optintime consentat consentdate consenttime einwilligungam datumdereinwilligung dateconsentement"),
    _F.CONFIRMED_AT: ("confirmtime confirmedat doubleoptindate doubleoptintime doiam bestatigtam confirmationtime"),
    _F.UNSUBSCRIBED: (
        "unsubscribed unsubscribe unsub unsubtime unsubscribedat unsubscribedate isunsubscribed optout"
        " optedout isoptedout hasoptedout hasoptedoutofemail emailoptout optoutdate optouttime"
        " unsubscribedfromallemail blacklisted isblacklisted emailblacklisted blacklist blocklisted"
        " blocklist donotemail donotcontact donotmail dnc suppressed nomail abgemeldet abgemeldetam"
        " abgemeldetseit austragung ausgetragen abbestellt newsletterabbestellt widerruf widerrufen"
        " widerspruch gesperrt werbesperre desabonne desinscrit desinscription desabonnement"
        " datededesinscription optoutemail listenoire dadodebaja baja bajadate desuscrito cancelado"
        " fechadebaja disiscritto disiscrizione descadastrado cancelouinscricao uitgeschreven wypisany"
        " avregistrerad 配信停止 退会 退订 退訂 الغاءالاشتراك отписан отписался"
    ),
    _F.SUBSCRIBED: (
        "subscribed issubscribed optin optedin emailoptin marketingoptin acceptsmarketing"
        " acceptsemailmarketing emailmarketingconsent newsletter newsletteroptin newsletterabonniert"
        " abonniert einwilligung werbeeinwilligung marketingeinwilligung abonne inscrit consentement"
        " suscrito suscripcion consentimiento iscritto inscrito ingeschreven 購読 メルマガ مشترك подписан"
    ),
    _F.STATUS: (
        "status subscriptionstatus emailstatus subscriberstatus optinstatus abostatus newsletterstatus"
        " statut estado stato"
    ),
    _F.TAGS: (
        "tags tag labels etiquettes etiquetas schlagworte schlagworter groups lists listen listes listas"
        " gruppen groupes"
    ),
    _F.ATTRIBUTES: "attributes attribs",
}
_BY_HEADING: Final = {
    fold_name(word).replace(" ", ""): field
    for field, words in reversed(list(_HEADINGS.items()))
    for word in words.split()
}
_SINCE: Final = (
    "customersince kundeseit mitgliedseit membersince clientdepuis membredepuis clientedesde miembrodesde clientedal"
    " klantsinds"
)
_NEVER_TAKEN: Final = (
    *("ip", "optinip", "confirmip", "ipaddress", "ipadresse", "adresseip", "direccionip", "signupip", "lastip"),
    *("latitude", "longitude", "lat", "lng", "lon", "geo", "geolocation", "coordinates", "koordinaten", "location"),
    *("gmtoff", "dstoff", "useragent", "deviceid", "password", "passwort", "passwordhash", "motdepasse", "contrasena"),
    *("ssn", "socialsecuritynumber", "iban", "creditcard", "cardnumber", "kreditkarte"),
)
"""Headings of data that are never taken, declared or not: addresses of machines, places, and secrets."""
_LONG: Final = 8
"""The letters from which on a heading that differs in one of them is more likely a slip than another word."""
_OURS: Final = frozenset({"reason", "rejected", "line", "row"})
"""The columns that a file of refused rows has beside its own."""


def heading_key(heading: str) -> str:
    """Returns the form in which headings are compared: without case, accents, spaces and signs."""
    return fold_name(normalize("NFKC", heading)).replace(" ", "")


def field_of_heading(heading: str) -> ImportField | None:
    """Returns the field that a heading names, in our own spelling or in a language; None if it names none."""
    if heading in OWN_COLUMNS:
        return ImportField(heading)
    return _BY_HEADING.get(heading_key(heading))


def protecting_headings() -> Mapping[str, ImportField]:
    """Returns the long headings of columns that keep mail from people, in the form in which headings are compared."""
    by_name = {heading_key(field): field for field in PROTECTING}
    return {key: field for key, field in _BY_HEADING.items() if field in PROTECTING and len(key) >= _LONG} | by_name


def is_never_taken(heading: str) -> bool:
    """Tells whether a column holds data that are never taken, such as IP addresses and coordinates."""
    key = heading_key(heading)
    return key in _NEVER_TAKEN or key.endswith(("ipaddress", "latitude", "longitude"))


def is_column_of_refused_rows(heading: str) -> bool:
    """Tells whether a column is one that we add to a file of refused rows."""
    return heading.strip().lower() in _OURS


def is_customer_since(heading: str) -> bool:
    """Tells whether a heading says since when somebody has been a customer, which is about when the address came."""
    return heading_key(heading) in _SINCE.split()


def attribute_name_of_heading(heading: str) -> str:
    """Returns the name that an attribute for a column has: `letzte Bestellung` is `letzte_bestellung`."""
    return fold_name(heading).replace(" ", "_")[:40]
