"""What people call the columns of a list of sub-processors, in English, German, French and Italian. Data only.

A field's own name and its title count too. Case, accents, blanks and marks make no difference.
"""

from __future__ import annotations

from collections.abc import Mapping

HEADINGS: Mapping[str, str] = {
    "ref": "reference|id|key|Referenz|référence|riferimento",
    "legal_name": (
        "name|company|company name|sub-processor|sub-processors|sub-processor name|name of sub-processor|"
        "vendor|vendor name|supplier|provider|service provider|entity|entity name|legal entity|"
        "legal entity name|third party|third-party|third-party sub-processor|third-party service provider|"
        "processor|organisation|organization|partner|sub-processor entity|name of the sub-processor|Firma|"
        "Firmenname|Unternehmen|Anbieter|Dienstleister|Auftragsverarbeiter|Unterauftragsverarbeiter|"
        "Unterauftragnehmer|Subunternehmer|nom|société|entreprise|raison sociale|fournisseur|prestataire|"
        "sous-traitant|sous-traitant ultérieur|nome|società|ragione sociale|denominazione|fornitore|"
        "sub-responsabile|sub-responsabile del trattamento"
    ),
    "also_known_as": (
        "aka|alias|brand|trade name|auch bekannt als|Handelsname|Marke|nom commercial|aussi connu sous|"
        "nome commerciale|noto anche come"
    ),
    "address": "registered office|headquarters|Adresse|Anschrift|Sitz|adresse|siège|indirizzo|sede",
    "country": (
        "country region|country or region|entity country|country of incorporation|registered country|"
        "jurisdiction|country of registration|Land|Sitzland|pays|paese"
    ),
    "registration_no": (
        "registration number|company number|UID|Registernummer|Handelsregisternummer|numéro d’enregistrement|"
        "numéro RCS|IDE|numero di registro"
    ),
    "website": (
        "web|url|links|web page|website url|link|homepage|Webseite|site|site web|site internet|sito|sito web"
    ),
    "contact": (
        "contact person|contact details|contact name|privacy contact|data protection contact|Kontakt|Kontaktperson|"
        "Kontaktdaten|Ansprechpartner|Ansprechperson|personne de contact|contact (nom)|contatto|persona di contatto|"
        "referente"
    ),
    "contact_position": (
        "contact role|contact position|contact function|contact title|position of contact|contact job title|"
        "Funktion der Kontaktperson|Rolle der Kontaktperson|Position der Kontaktperson|Stellung der Kontaktperson|"
        "fonction de la personne de contact|fonction du contact|rôle du contact|funzione della persona di contatto|"
        "funzione del contatto|ruolo del contatto"
    ),
    "contact_address": (
        "contact address|contact e-mail|contact email|contact mail|contact phone|contact telephone|e-mail|email|phone|"
        "telephone|contact e-mail address|privacy email|Kontakt E-Mail|Kontaktadresse|E-Mail-Adresse|"
        "E-Mail der Kontaktperson|Telefon|Kontakt Telefon|e-mail de contact|courriel|courriel de contact|"
        "adresse de contact|téléphone|coordonnées|coordonnées du contact|e-mail di contatto|indirizzo di contatto|"
        "telefono|recapito|recapiti"
    ),
    "relation": "relationship|Beziehung|Verhältnis|lien|relazione|rapporto",
    "activity": (
        "activities|purpose|purposes|purpose of processing|processing purpose|purpose of the processing|"
        "processing activity|processing activities|services provided|service provided|services performed|"
        "Tätigkeit|Tätigkeiten|Zweck|Verarbeitungszweck|Zweck der Verarbeitung|Leistung|Leistungen|activité|"
        "activités|finalité|finalités|finalité du traitement|prestation|prestations|attività|finalità|scopo|"
        "finalità del trattamento|prestazione|prestazioni"
    ),
    "data_categories": (
        "data shared|data received|data accessed|data exposure|data type|data types|data they receive|"
        "data it receives|personal data access|personal data shared|personal data involved|"
        "zugängliche Datenkategorien|verarbeitete Daten|données traitées|dati trattati|data|data processed|"
        "personal data processed|data categories|customer data|type of data|types of data|categories of data|"
        "categories of personal data|Daten|Personendaten|personenbezogene Daten|Datenkategorien|Datenarten|"
        "données|données personnelles|données à caractère personnel|catégories de données|dati|dati personali|"
        "categorie di dati"
    ),
    "special_categories": (
        "special categories|special category data|special categories of personal data|sensitive data|"
        "sensitive personal data|special categories (Art. 9)|besondere Kategorien|besondere Kategorien von Daten|"
        "besondere Kategorien personenbezogener Daten|besonders schützenswerte Daten|"
        "besonders schützenswerte Personendaten|sensible Daten|catégories particulières|"
        "catégories particulières de données|données sensibles|categorie particolari|"
        "categorie particolari di dati|dati sensibili|dati particolari|dati personali degni di particolare protezione"
    ),
    "data_subjects": (
        "categories of data subjects|persons|Betroffene|betroffene Personen|Kategorien betroffener Personen|"
        "personnes concernées|interessati|persone interessate"
    ),
    "locations": (
        "location country|country location|region country|countries regions|place country|where they process|"
        "hosted in|primary location|data locations|location|location of processing|location of data|"
        "location(s)|data center location|data centre location|data centers|hosting region|server location|"
        "data residency|countries|processing country|country of processing|location of data processing|where|"
        "Länder|Serverstandort|pays de traitement|lieu d’hébergement|paese del trattamento|place|places|"
        "place of processing|places of processing|processing location|data location|hosting location|region|"
        "Ort|Orte|Standort|Standorte|Verarbeitungsort|Ort der Verarbeitung|Orte der Verarbeitung|lieu|lieux|"
        "lieu de traitement|lieux de traitement|localisation|luogo|luoghi|luogo del trattamento|ubicazione|"
        "places of processing and remote access"
    ),
    "remote_access": (
        "remote access|remote access locations|remote access country|remote access countries|access from|"
        "access locations|location of access|support locations|Fernzugriff|Fernzugriff aus|Fernzugriffe|Zugriff aus|"
        "Zugriffsorte|accès à distance|accès à distance depuis|lieux d’accès|accesso remoto|accesso remoto da|"
        "accesso da remoto|luoghi di accesso"
    ),
    "services": (
        "product|products|applicable services|affected services|Dienste|Produkt|Produkte|betroffene Dienste|"
        "produit|produits|services concernés|servizi|prodotto|prodotti"
    ),
    "guarantee": (
        "guarantees|safeguard|safeguards|data processing agreement|DPA|Garantie|Garantien|Vertrag|garanties|"
        "contrat|garanzia|garanzie|contratto"
    ),
    "transfers": (
        "transfer basis by place|transfers by place|transfer basis per place|transfer basis per location|"
        "transfers by country|transfer mechanism by country|Übermittlungen|Übermittlungsgrundlage je Ort|"
        "Übermittlungen je Land|transferts|transferts par lieu|base du transfert par lieu|trasferimenti|"
        "trasferimenti per luogo|base del trasferimento per luogo"
    ),
    "transfer_basis": (
        "transfer|transfer safeguard|transfer safeguards|data transfer mechanism|"
        "international transfer mechanism|cross-border transfer mechanism|legal basis for transfer|"
        "transfer mechanism|third-country transfer|Transfer|Übermittlung|Übermittlungsgrundlage|"
        "Transfergrundlage|Drittlandtransfer|transfert|base du transfert|mécanisme de transfert|trasferimento|"
        "base del trasferimento|meccanismo di trasferimento"
    ),
    "delimitation": (
        "delimitation|division of responsibilities|clear delimitation of responsibilities|Abgrenzung|"
        "Abgrenzung der Verantwortlichkeiten|Abgrenzung der Zuständigkeiten|Aufteilung der Verantwortlichkeiten|"
        "délimitation|délimitation des responsabilités|répartition des responsabilités|delimitazione|"
        "delimitazione delle responsabilità|ripartizione delle responsabilità"
    ),
    "duration": (
        "duration|term|duration of the processing|processing duration|Dauer|Dauer der Verarbeitung|Laufzeit|"
        "Verarbeitungsdauer|durée|durée du traitement|durata|durata del trattamento"
    ),
    "certificates": (
        "compliance|certificate|certification|certifications|Zertifikat|Zertifikate|Zertifizierungen|"
        "certificat|certificats|certificato|certificati|certificazioni"
    ),
    "own_subprocessors": (
        "further sub-processors|eigene Unterauftragsverarbeiter|weitere Unterauftragsverarbeiter|"
        "propres sous-traitants|sous-traitants propres|propri sub-responsabili|sub-responsabili propri"
    ),
    "since": (
        "effective date|date|start|start date|date added|added|added on|seit|Beginn|depuis|début|dal|inizio"
    ),
}

SECOND_BEST: Mapping[str, str] = {
    "legal_name": "service|services|tool|product|platform|software|Dienst|outil|strumento|title",
    "activity": (
        "description|function|role|service|services|service description|description of services|"
        "type of service|services used|what it does|what they do|what we use it for|used for|use|use case|"
        "usage|category|type|entity type|details|reason|scope|processing|nature of processing|"
        "nature of the processing|nature and purpose|nature and purpose of processing|subject matter|"
        "subject matter, nature and duration|subject matter, nature and duration of processing|"
        "subject matter, nature and duration of the processing|subject matter and duration|"
        "subject matter and duration of processing|subject matter and duration of the processing|"
        "Gegenstand und Dauer|Gegenstand und Dauer der Verarbeitung|Gegenstand, Art und Dauer|"
        "Gegenstand, Art und Dauer der Verarbeitung|objet, nature et durée du traitement|objet et durée du traitement|"
        "oggetto, natura e durata del trattamento|oggetto e durata del trattamento|"
        "Dienstleistung|Dienstleistungen|Verarbeitung|Beschreibung|Funktion|Art der Leistung|Gegenstand|"
        "Gegenstand der Verarbeitung|traitement|description du service|service fourni|services fournis|"
        "fonction|rôle|trattamento|descrizione|servizio|servizio fornito|servizi forniti|funzione|ruolo"
    ),
}
"""Headings that mean a field only where no better one does: "Service" may be what the vendor does, or what the
customer buys; "Description" stands beside "Purpose" on many pages."""
