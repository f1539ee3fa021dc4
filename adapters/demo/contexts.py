"""Sentences for invented contexts, with questions that each of them answers.

Slots: {n} whole number, {m} amount of money, {t} time of day, {d} date, {p} person, {q} another person, {c} town,
{r} room, {k} code, {w} day of the week, {x} duration.
"""

# German sentence, German questions, English sentence, English questions.
SENTENCES = [
    ("Die Bibliothek ist werktags ab {t} Uhr geöffnet.", ["Ab wann ist die Bibliothek geöffnet?", "Wann öffnet die Bibliothek?"], "The library is open on working days from {t}.", ["From when is the library open?", "When does the library open?"]),
    ("Der Schalter schließt um {t} Uhr.", ["Wann schließt der Schalter?", "Bis wann hat der Schalter offen?"], "The counter closes at {t}.", ["When does the counter close?", "Until when is the counter open?"]),
    ("Die Schulung findet in Raum {r} statt.", ["Wo findet die Schulung statt?", "In welchem Raum ist die Schulung?"], "The training takes place in room {r}.", ["Where does the training take place?", "In which room is the training?"]),
    ("Leiterin der Abteilung Einkauf ist Frau {p}.", ["Wer leitet den Einkauf?", "Wie heißt die Leiterin des Einkaufs?"], "The head of purchasing is Ms {p}.", ["Who is the head of purchasing?", "Who leads purchasing?"]),
    ("Bei Fragen hilft Herr {p} unter der Durchwahl {n}.", ["Wer hilft bei Fragen?", "Welche Durchwahl hat Herr {p}?"], "For questions, Mr {p} can be reached at extension {n}.", ["Who helps with questions?", "What is the extension of Mr {p}?"]),
    ("Die Rechnung über {m} Euro ist am {d} fällig.", ["Wann ist die Rechnung fällig?", "Wie hoch ist die Rechnung?"], "The invoice of {m} euros is due on {d}.", ["When is the invoice due?", "How high is the invoice?"]),
    ("Der Wartungsvertrag endet am {d}.", ["Wann endet der Wartungsvertrag?", "Bis wann gilt der Wartungsvertrag?"], "The maintenance contract ends on {d}.", ["When does the maintenance contract end?", "Until when is the maintenance contract valid?"]),
    ("Jeder Beschäftigte hat {n} Tage Urlaub im Jahr.", ["Wie viele Urlaubstage gibt es?", "Wie viel Urlaub hat man im Jahr?"], "Every employee has {n} days of leave per year.", ["How many days of leave are there?", "How much leave does one have per year?"]),
    ("An {n} Tagen im Monat darf man von zu Hause arbeiten.", ["Wie oft darf man von zu Hause arbeiten?", "An wie vielen Tagen ist Homeoffice erlaubt?"], "One may work from home on {n} days a month.", ["How often may one work from home?", "On how many days is working from home allowed?"]),
    ("Bestellungen über {m} Euro muss die Geschäftsleitung unterschreiben.", ["Wer unterschreibt große Bestellungen?", "Ab welchem Betrag unterschreibt die Geschäftsleitung?"], "Orders above {m} euros must be signed by the management.", ["Who signs large orders?", "From what amount must the management sign?"]),
    ("Die Lieferung kommt am {w} aus {c}.", ["Woher kommt die Lieferung?", "Wann kommt die Lieferung?"], "The delivery arrives on {w} from {c}.", ["Where does the delivery come from?", "When does the delivery arrive?"]),
    ("Der Artikel {k} ist nicht auf Lager.", ["Welcher Artikel ist nicht auf Lager?", "Welcher Artikel fehlt?"], "Item {k} is not in stock.", ["Which item is not in stock?", "Which item is missing?"]),
    ("Die Maschine {k} steht seit {w} still.", ["Welche Maschine steht still?", "Seit wann steht die Maschine still?"], "Machine {k} has been standing still since {w}.", ["Which machine stands still?", "Since when has the machine been standing still?"]),
    ("Die Reparatur dauert voraussichtlich {x}.", ["Wie lange dauert die Reparatur?", "Wie viel Zeit braucht die Reparatur?"], "The repair will probably take {x}.", ["How long does the repair take?", "How much time does the repair need?"]),
    ("Frau {p} vertritt Herrn {q} während seines Urlaubs.", ["Wer vertritt Herrn {q}?", "Wen vertritt Frau {p}?"], "Ms {p} stands in for Mr {q} during his holiday.", ["Who stands in for Mr {q}?", "For whom does Ms {p} stand in?"]),
    ("Der Parkplatz hinter dem Haus hat {n} Plätze.", ["Wie viele Plätze hat der Parkplatz?", "Wo ist der Parkplatz?"], "The car park behind the building has {n} spaces.", ["How many spaces does the car park have?", "Where is the car park?"]),
    ("Das Projekt heißt {k} und begann am {d}.", ["Wie heißt das Projekt?", "Wann begann das Projekt?"], "The project is called {k} and began on {d}.", ["What is the project called?", "When did the project begin?"]),
    ("Der Kunde sitzt in {c}.", ["In welcher Stadt sitzt der Kunde?", "Wo sitzt der Kunde?"], "The customer is based in {c}.", ["In which town is the customer based?", "Where is the customer?"]),
    ("Das Passwort muss mindestens {n} Zeichen haben.", ["Wie viele Zeichen muss das Passwort haben?", "Wie lang muss das Passwort sein?"], "The password must have at least {n} characters.", ["How many characters must the password have?", "How long must the password be?"]),
    ("Der Bericht ist bis {w} bei Frau {p} abzugeben.", ["Bei wem ist der Bericht abzugeben?", "Bis wann ist der Bericht abzugeben?"], "The report is to be handed to Ms {p} by {w}.", ["To whom is the report handed?", "By when is the report to be handed in?"]),
    ("Die Heizung wird am {d} gewartet.", ["Wann wird die Heizung gewartet?", "An welchem Tag ist die Wartung der Heizung?"], "The heating is serviced on {d}.", ["When is the heating serviced?", "On which day is the heating serviced?"]),
    ("Im Notfall ist die Nummer {n} zu wählen.", ["Welche Nummer wählt man im Notfall?", "Was ist die Notfallnummer?"], "In an emergency dial {n}.", ["Which number is dialled in an emergency?", "What is the emergency number?"]),
    ("Herr {p} ist für den Brandschutz zuständig.", ["Wer ist für den Brandschutz zuständig?", "Wofür ist Herr {p} zuständig?"], "Mr {p} is responsible for fire safety.", ["Who is responsible for fire safety?", "What is Mr {p} responsible for?"]),
    ("Die Eintrittskarte kostet {m} Euro.", ["Was kostet die Eintrittskarte?", "Wie teuer ist der Eintritt?"], "The ticket costs {m} euros.", ["What does the ticket cost?", "How expensive is the ticket?"]),
    ("Der neue Server hat {n} Gigabyte Speicher.", ["Wie viel Speicher hat der neue Server?", "Wie viele Gigabyte hat der Server?"], "The new server has {n} gigabytes of memory.", ["How much memory does the new server have?", "How many gigabytes does the server have?"]),
    ("Die Werkstatt wurde nach {c} verlegt.", ["Wohin wurde die Werkstatt verlegt?", "Wo ist die Werkstatt jetzt?"], "The workshop was moved to {c}.", ["Where was the workshop moved?", "Where is the workshop now?"]),
    ("Für den Versand sind {n} Kisten vorbereitet.", ["Wie viele Kisten sind vorbereitet?", "Was ist für den Versand vorbereitet?"], "{n} boxes are prepared for shipping.", ["How many boxes are prepared?", "What is prepared for shipping?"]),
    ("Die Prüfung besteht aus {n} Fragen und dauert {x}.", ["Wie lange dauert die Prüfung?", "Wie viele Fragen hat die Prüfung?"], "The exam has {n} questions and takes {x}.", ["How long is the exam?", "How many questions does the exam have?"]),
    ("Den Schlüssel zum Archiv verwahrt Frau {p}.", ["Wer hat den Schlüssel zum Archiv?", "Welchen Schlüssel verwahrt Frau {p}?"], "Ms {p} keeps the key to the archive.", ["Who has the key to the archive?", "Which key does Ms {p} keep?"]),
    ("Der Bus zum Werk fährt alle {n} Minuten.", ["Wie oft fährt der Bus?", "In welchem Abstand fährt der Bus zum Werk?"], "The bus to the plant runs every {n} minutes.", ["How often does the bus run?", "At what interval does the bus to the plant run?"]),
    ("Besucher melden sich am Eingang {k} an.", ["Wo melden sich Besucher an?", "An welchem Eingang melden sich Besucher?"], "Visitors register at entrance {k}.", ["Where do visitors register?", "At which entrance do visitors register?"]),
    ("Der Umsatz in {c} betrug {m} Euro.", ["Wie hoch war der Umsatz?", "In welcher Stadt wurde der Umsatz gemacht?"], "Revenue in {c} was {m} euros.", ["How high was the revenue?", "In which town was the revenue made?"]),
    ("Die Garantie gilt {x} ab dem Kauf.", ["Wie lange gilt die Garantie?", "Ab wann gilt die Garantie?"], "The warranty is valid for {x} from the purchase.", ["How long is the warranty valid?", "From when is the warranty valid?"]),
    ("Die Akte {k} liegt im Keller.", ["Wo liegt die Akte?", "Welche Akte liegt im Keller?"], "File {k} is in the cellar.", ["Where is the file?", "Which file is in the cellar?"]),
    ("Frau {p} übernimmt die Nachtschicht am {w}.", ["Wer übernimmt die Nachtschicht?", "Wann hat Frau {p} Nachtschicht?"], "Ms {p} takes the night shift on {w}.", ["Who takes the night shift?", "When does Ms {p} have the night shift?"]),
    ("Zum Team gehören {n} Entwickler.", ["Wie viele Entwickler gehören zum Team?", "Wie groß ist das Team?"], "The team has {n} developers.", ["How many developers are in the team?", "How large is the team?"]),
    ("Abgerechnet wird nur noch mit dem Formular {k}.", ["Mit welchem Formular wird abgerechnet?", "Womit rechnet man ab?"], "Expenses are claimed only with form {k}.", ["With which form are expenses claimed?", "How are expenses claimed?"]),
    ("Die Temperatur im Kühlraum beträgt {n} Grad.", ["Wie kalt ist der Kühlraum?", "Welche Temperatur hat der Kühlraum?"], "The temperature in the cold store is {n} degrees.", ["How cold is the cold store?", "What is the temperature in the cold store?"]),
    ("Wegen der Baustelle ist Tor {n} bis {w} gesperrt.", ["Welches Tor ist gesperrt?", "Warum ist das Tor gesperrt?"], "Because of the building site, gate {n} is closed until {w}.", ["Which gate is closed?", "Why is the gate closed?"]),
    ("Das Geschenk für Herrn {p} ist ein Buch.", ["Was bekommt Herr {p} geschenkt?", "Für wen ist das Geschenk?"], "The present for Mr {p} is a book.", ["What is the present for Mr {p}?", "For whom is the present?"]),
    ("Die Probezeit dauert {x}.", ["Wie lange dauert die Probezeit?", "Wie lang ist die Probezeit?"], "The probation period lasts {x}.", ["How long does the probation period last?", "How long is the probation period?"]),
    ("Neuer Vorsitzender ist seit {d} Herr {p}.", ["Wer ist der neue Vorsitzende?", "Seit wann ist Herr {p} Vorsitzender?"], "Since {d} the new chairman has been Mr {p}.", ["Who is the new chairman?", "Since when has Mr {p} been chairman?"]),
]

# Asked of every context; no sentence above answers them.
UNANSWERABLE = (
    ["Wie hoch ist der Gewinn?", "Wie alt ist Frau {p}?", "Welche Farbe hat das Gebäude?", "Wie heißt der Hund von Herrn {p}?", "Was gibt es zum Nachtisch?", "Wie viele Bäume stehen im Hof?", "Wer hat das Foto gemacht?", "Wie schwer ist das Paket?", "Welche Sprache spricht der Lieferant?", "Wo wurde Herr {p} geboren?", "Wie lautet die Postleitzahl?", "Was kostet die Beratung?", "Wann wurde die Firma gegründet?", "Wie hoch ist das Gehalt?", "Welches Auto fährt Frau {p}?", "Wer bezahlt die Reise?", "Wie viele Stockwerke hat das Haus?", "Welche Firma hat das Dach gebaut?", "Wie groß ist der Garten?", "Was kostet ein neuer Monitor?", "Wie hoch ist der Zuschuss?", "Wer ist der Geschäftsführer der Bank?", "Wie viele Seiten hat das Handbuch?", "Wie viel verdient Herr {p}?"],
    ["How high is the profit?", "How old is Ms {p}?", "What colour is the building?", "What is the name of Mr {p}'s dog?", "What is for dessert?", "How many trees are in the yard?", "Who took the photo?", "How heavy is the parcel?", "Which language does the supplier speak?", "Where was Mr {p} born?", "What is the postal code?", "What does the consulting cost?", "When was the company founded?", "How high is the salary?", "Which car does Ms {p} drive?", "Who pays for the journey?", "How many storeys does the house have?", "Which company built the roof?", "How large is the garden?", "What does a new monitor cost?", "How high is the subsidy?", "Who is the director of the bank?", "How many pages does the manual have?", "How much does Mr {p} earn?"],
)

NOT_THERE = ("Das steht nicht im Text.", "That is not stated in the text.")

# How context and question are put together.
FRAMES = (
    ["Text: {context}\n\nFrage: {question}", "{context}\n\n{question}", "Beantworte die Frage mit dem Text.\n\n{context}\n\nFrage: {question}", "{question}\n\n{context}", "Hier ist ein Text: {context}\n\nFrage dazu: {question}"],
    ["Text: {context}\n\nQuestion: {question}", "{context}\n\n{question}", "Answer the question from the text.\n\n{context}\n\nQuestion: {question}", "{question}\n\n{context}", "Here is a text: {context}\n\nQuestion about it: {question}"],
)

PEOPLE = "Adler Becker Celik Diaz Engel Fuchs Graf Hahn Ivanov Jansen Keller Lorenz Maurer Novak Otto Petrov Quandt Richter Sommer Tran Ullrich Vogel Wagner Yildiz Ziegler Arslan Bauer Costa Demir Ernst Friedrich Hoffmann Kowalski Lang Meier Nguyen Rossi Schulz Winter Wolf".split()
TOWNS = "Aachen Augsburg Bamberg Bielefeld Bonn Bremen Chemnitz Cottbus Dresden Duisburg Essen Freiburg Gera Halle Hannover Jena Kiel Koblenz Leipzig Mainz Mannheim Münster Nürnberg Oldenburg Passau Potsdam Regensburg Rostock Siegen Stuttgart Trier Ulm Wismar Zwickau".split()
MONTHS = (
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "January February March April May June July August September October November December".split(),
)
DAYS = (
    "Montag Dienstag Mittwoch Donnerstag Freitag Samstag".split(),
    "Monday Tuesday Wednesday Thursday Friday Saturday".split(),
)
DURATIONS = (["zwei Stunden", "drei Tage", "eine Woche", "vier Monate", "zwei Jahre", "fünf Minuten", "eine halbe Stunde", "sechs Wochen", "ein Jahr", "neunzig Minuten"],
             ["two hours", "three days", "one week", "four months", "two years", "five minutes", "half an hour", "six weeks", "one year", "ninety minutes"])
