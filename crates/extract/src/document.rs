//! What comes of a file, and why nothing does.

use std::collections::BTreeMap;

use schleuse_types::Text;

/// Largest file in bytes.
pub const FILE_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Longest text of one file in bytes of UTF-8; what follows is cut off, and said so.
pub const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest text of everything that describes a file, in bytes of UTF-8.
pub(crate) const FACTS_BYTES_MAX: usize = 256 * 1024;
/// Most pages, sheets, slides and parts that are told apart.
pub(crate) const PLACES_MAX: usize = 20_000;
/// Longest name of a sheet or a part in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 200;

/// What a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Pdf,
    Docx,
    Xlsx,
    Pptx,
    Text,
    Mail,
    Image,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Pdf, Self::Docx, Self::Xlsx, Self::Pptx, Self::Text, Self::Mail, Self::Image];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Pptx => "pptx",
            Self::Text => "text",
            Self::Mail => "mail",
            Self::Image => "image",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The text of a file, and what was found beside it. Nothing in it can be trusted: it was written by whoever made the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    pub kind: Kind,
    /// At most [`TEXT_BYTES_MAX`] bytes, without control characters but line ends and tabulators.
    pub text: String,
    /// Where pages, sheets, slides and parts begin in the text, in their order.
    pub places: Vec<Place>,
    /// Properties, markings, keywords, targets of links: what describes the file or stands beside its text, line by line. It
    /// is inspected and not sent to a model.
    pub facts: String,
    /// What was there and was left out, or needs to be known.
    pub omitted: Vec<Omission>,
    /// The text went on beyond what is taken.
    pub is_cut: bool,
    /// Pages, sheets or slides, where the file has them.
    pub pages: Option<u32>,
}

/// A place that a text has in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it begins, in bytes of the text.
    pub start: usize,
    pub kind: PlaceKind,
    /// From 1.
    pub number: Option<u32>,
    /// The name of a sheet.
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    Page,
    Sheet,
    Slide,
    /// Headers and footers of pages.
    Header,
    Notes,
    Comments,
    /// Fields, outlines, descriptions: text that stands on no page.
    Beside,
}

impl PlaceKind {
    pub const ALL: [Self; 7] =
        [Self::Page, Self::Sheet, Self::Slide, Self::Header, Self::Notes, Self::Comments, Self::Beside];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Sheet => "sheet",
            Self::Slide => "slide",
            Self::Header => "header",
            Self::Notes => "notes",
            Self::Comments => "comments",
            Self::Beside => "beside",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Something in a file that is worth telling, and how often it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Omission {
    pub what: What,
    pub count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Pictures,
    PicturesOnly,
    EmptyPages,
    MorePages,
    Unmapped,
    Macros,
    Scripts,
    EmbeddedFiles,
    MailAttachments,
    Controls,
    OutsideLinks,
    Actions,
    HiddenText,
    HiddenSheets,
    HiddenRows,
    HiddenSlides,
    HiddenLayers,
    TrackedChanges,
    NamelessLabel,
    GuessedEncoding,
    UnreadParts,
}

impl What {
    pub const ALL: [Self; 21] = [
        Self::Pictures,
        Self::PicturesOnly,
        Self::EmptyPages,
        Self::MorePages,
        Self::Unmapped,
        Self::Macros,
        Self::Scripts,
        Self::EmbeddedFiles,
        Self::MailAttachments,
        Self::Controls,
        Self::OutsideLinks,
        Self::Actions,
        Self::HiddenText,
        Self::HiddenSheets,
        Self::HiddenRows,
        Self::HiddenSlides,
        Self::HiddenLayers,
        Self::TrackedChanges,
        Self::NamelessLabel,
        Self::GuessedEncoding,
        Self::UnreadParts,
    ];

    /// A word for logs and for what is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pictures => "pictures",
            Self::PicturesOnly => "pictures_only",
            Self::EmptyPages => "empty_pages",
            Self::MorePages => "more_pages",
            Self::Unmapped => "unmapped",
            Self::Macros => "macros",
            Self::Scripts => "scripts",
            Self::EmbeddedFiles => "embedded_files",
            Self::MailAttachments => "mail_attachments",
            Self::Controls => "controls",
            Self::OutsideLinks => "outside_links",
            Self::Actions => "actions",
            Self::HiddenText => "hidden_text",
            Self::HiddenSheets => "hidden_sheets",
            Self::HiddenRows => "hidden_rows",
            Self::HiddenSlides => "hidden_slides",
            Self::HiddenLayers => "hidden_layers",
            Self::TrackedChanges => "tracked_changes",
            Self::NamelessLabel => "nameless_label",
            Self::GuessedEncoding => "guessed_encoding",
            Self::UnreadParts => "unread_parts",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == name)
    }
}

impl Omission {
    /// For whoever attached the file.
    pub fn text(&self) -> Text {
        let n = self.count;
        let counted =
            |english: &str, german: &str| Text::new(format!("{english} ({n})."), format!("{german} ({n})."));
        match self.what {
            What::Pictures => counted(
                "Images were left out: images cannot be read yet",
                "Bilder wurden ausgelassen: Bilder können noch nicht gelesen werden",
            ),
            What::PicturesOnly => Text::fixed(
                "Images cannot be read yet; a model gets nothing of this file but its name.",
                "Bilder können noch nicht gelesen werden; ein Modell bekommt von dieser Datei nur den Namen.",
            ),
            What::EmptyPages => counted(
                "Pages without any text that can be read, perhaps scanned ones",
                "Seiten ohne lesbaren Text, vielleicht eingescannte",
            ),
            What::MorePages => counted(
                "Pages beyond the limit were left out",
                "Seiten jenseits der Grenze wurden ausgelassen",
            ),
            What::Unmapped => counted(
                "Characters that their font does not name were left out",
                "Zeichen, die ihre Schrift nicht benennt, wurden ausgelassen",
            ),
            What::Macros => counted("Macros were left out", "Makros wurden ausgelassen"),
            What::Scripts => counted("Scripts were left out", "Skripte wurden ausgelassen"),
            What::EmbeddedFiles => counted(
                "Embedded files were left out; attach them on their own",
                "Eingebettete Dateien wurden ausgelassen; hängen Sie sie einzeln an",
            ),
            What::MailAttachments => counted(
                "Attachments of the mail were left out; attach them on their own",
                "Anlagen der E-Mail wurden ausgelassen; hängen Sie sie einzeln an",
            ),
            What::Controls => {
                counted("Active controls were left out", "Aktive Steuerelemente wurden ausgelassen")
            }
            What::OutsideLinks => {
                counted("Links to outside are not followed", "Verweisen nach außen wird nicht gefolgt")
            }
            What::Actions => counted(
                "Actions that start something were left out",
                "Aktionen, die etwas starten, wurden ausgelassen",
            ),
            What::HiddenText => {
                counted("Hidden text was there and was read", "Verborgener Text war da und wurde gelesen")
            }
            What::HiddenSheets => counted(
                "Hidden sheets were there and were read",
                "Ausgeblendete Tabellenblätter waren da und wurden gelesen",
            ),
            What::HiddenRows => counted(
                "Hidden rows or columns were there and were read",
                "Ausgeblendete Zeilen oder Spalten waren da und wurden gelesen",
            ),
            What::HiddenSlides => counted(
                "Hidden slides were there and were read",
                "Ausgeblendete Folien waren da und wurden gelesen",
            ),
            What::HiddenLayers => counted(
                "Layers that can be hidden are there; a hidden one may have been left out",
                "Ausblendbare Ebenen sind da; eine ausgeblendete kann ausgelassen sein",
            ),
            What::TrackedChanges => counted(
                "Tracked changes were there; deleted text was read too",
                "Nachverfolgte Änderungen waren da; gelöschter Text wurde mitgelesen",
            ),
            What::NamelessLabel => counted(
                "A sensitivity label says no level by name; set the label by hand",
                "Eine Vertraulichkeitsbezeichnung nennt keine Stufe beim Namen; setzen Sie die Einstufung von Hand",
            ),
            What::GuessedEncoding => Text::fixed(
                "The encoding is not stated and was guessed as Windows-1252; umlauts may be wrong.",
                "Die Zeichenkodierung ist nicht angegeben und wurde als Windows-1252 geraten; Umlaute können falsch sein.",
            ),
            What::UnreadParts => counted(
                "Parts that the house does not know were left out",
                "Teile, die das Haus nicht kennt, wurden ausgelassen",
            ),
        }
    }
}

/// Why a file was refused. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    Empty,
    TooLarge,
    /// What it is, is not what its name says.
    Lies,
    /// Of a kind that is not read.
    Unsupported,
    Archive,
    /// An office document of the binary formats before 2007.
    OldOffice,
    Encrypted,
    Damaged,
    /// It declares entities or names files outside of itself.
    Entities,
    /// It unpacks to far more than it is.
    Bomb,
    TooManyParts,
    /// Names in it lead outside of it.
    Names,
    TooDeep,
    TooLong,
    /// The worker ended without an answer.
    Died,
    /// The worker cannot be shut in on this machine, and so nothing is read.
    Unconfined(String),
    Cancelled,
}

impl Rejected {
    /// A word for logs and for what is kept.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::Lies => "lies",
            Self::Unsupported => "unsupported",
            Self::Archive => "archive",
            Self::OldOffice => "old_office",
            Self::Encrypted => "encrypted",
            Self::Damaged => "damaged",
            Self::Entities => "entities",
            Self::Bomb => "bomb",
            Self::TooManyParts => "too_many_parts",
            Self::Names => "names",
            Self::TooDeep => "too_deep",
            Self::TooLong => "too_long",
            Self::Died => "died",
            Self::Unconfined(_) => "unconfined",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Empty,
            Self::TooLarge,
            Self::Lies,
            Self::Unsupported,
            Self::Archive,
            Self::OldOffice,
            Self::Encrypted,
            Self::Damaged,
            Self::Entities,
            Self::Bomb,
            Self::TooManyParts,
            Self::Names,
            Self::TooDeep,
            Self::TooLong,
            Self::Died,
            Self::Unconfined(String::new()),
            Self::Cancelled,
        ];
        all.into_iter().find(|known| known.as_str() == name)
    }

    /// For whoever attached the file: what is wrong, and what to do.
    pub fn text(&self) -> Text {
        match self {
            Self::Empty => Text::fixed("The file is empty.", "Die Datei ist leer."),
            Self::TooLarge => Text::fixed(
                "The file is larger than 25 MiB. Split it, or attach the part that matters.",
                "Die Datei ist größer als 25 MiB. Teilen Sie sie, oder hängen Sie den wichtigen Teil an.",
            ),
            Self::Lies => Text::fixed(
                "The file is not what its name says. Save it under its proper kind and attach it again.",
                "Die Datei ist nicht, was ihr Name sagt. Speichern Sie sie als das, was sie ist, und hängen Sie sie erneut an.",
            ),
            Self::Unsupported => Text::fixed(
                "Files of this kind are not read. PDF, DOCX, XLSX, PPTX, text, mail (EML) and images are.",
                "Dateien dieser Art werden nicht gelesen. Gelesen werden PDF, DOCX, XLSX, PPTX, Text, E-Mail (EML) und Bilder.",
            ),
            Self::Archive => Text::fixed(
                "Archives are not opened. Attach the files in it one by one.",
                "Archive werden nicht geöffnet. Hängen Sie die Dateien darin einzeln an.",
            ),
            Self::OldOffice => Text::fixed(
                "This is a document in a binary format from before 2007, or an Outlook message. Save it as DOCX, XLSX, PPTX or EML.",
                "Dies ist ein Dokument im Binärformat von vor 2007 oder eine Outlook-Nachricht. Speichern Sie es als DOCX, XLSX, PPTX oder EML.",
            ),
            Self::Encrypted => Text::fixed(
                "The file is protected by a password. Remove the protection and attach it again.",
                "Die Datei ist mit einem Passwort geschützt. Entfernen Sie den Schutz und hängen Sie sie erneut an.",
            ),
            Self::Damaged => Text::fixed(
                "The file is damaged or incomplete. Open it, save it anew and attach it again.",
                "Die Datei ist beschädigt oder unvollständig. Öffnen Sie sie, speichern Sie sie neu und hängen Sie sie erneut an.",
            ),
            Self::Entities => Text::fixed(
                "The file declares entities, as attacks do. It is not read.",
                "Die Datei deklariert Entitäten, wie Angriffe es tun. Sie wird nicht gelesen.",
            ),
            Self::Bomb => Text::fixed(
                "The file unpacks to far more than it should. It is not read.",
                "Die Datei entpackt sich zu weit mehr, als sie sollte. Sie wird nicht gelesen.",
            ),
            Self::TooManyParts => Text::fixed(
                "The file has too many parts. It is not read.",
                "Die Datei hat zu viele Teile. Sie wird nicht gelesen.",
            ),
            Self::Names => Text::fixed(
                "Names in the file lead outside of it, as attacks do. It is not read.",
                "Namen in der Datei führen aus ihr hinaus, wie Angriffe es tun. Sie wird nicht gelesen.",
            ),
            Self::TooDeep => Text::fixed(
                "The file is nested too deeply. It is not read.",
                "Die Datei ist zu tief verschachtelt. Sie wird nicht gelesen.",
            ),
            Self::TooLong => Text::fixed(
                "Reading the file took longer than 30 seconds. Split it, or save it anew.",
                "Das Lesen der Datei dauerte länger als 30 Sekunden. Teilen Sie sie, oder speichern Sie sie neu.",
            ),
            Self::Died => Text::fixed(
                "The file could not be read: its reader ended over it. Save it anew, or as PDF.",
                "Die Datei ließ sich nicht lesen: Ihr Leser hat sich daran beendet. Speichern Sie sie neu oder als PDF.",
            ),
            Self::Unconfined(_) => Text::fixed(
                "Attachments are off: this machine cannot shut in the process that would read them. The operator's log says why.",
                "Anhänge sind abgeschaltet: Diese Maschine kann den Prozess, der sie läse, nicht einschließen. Das Protokoll des Betriebs sagt, warum.",
            ),
            Self::Cancelled => Text::fixed("Reading was cancelled.", "Das Lesen wurde abgebrochen."),
        }
    }
}

/// A text in the making, within its limits.
#[derive(Debug, Default)]
pub(crate) struct Scroll {
    text: String,
    places: Vec<Place>,
    facts: String,
    omitted: BTreeMap<What, u32>,
    is_cut: bool,
    pub(crate) pages: Option<u32>,
}

impl Scroll {
    /// Adds text. Control characters but line ends and tabulators are left out.
    pub(crate) fn push(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\r' => {}
                '\n' | '\t' => self.put(character),
                character if character.is_control() => {}
                character => self.put(character),
            }
        }
    }

    fn put(&mut self, character: char) {
        if self.text.len() + character.len_utf8() > TEXT_BYTES_MAX {
            self.is_cut = true;
        } else if !self.is_cut {
            self.text.push(character);
        }
    }

    /// Ends the line, if there is something on it.
    pub(crate) fn end_line(&mut self) {
        let line = self.text.trim_end_matches([' ', '\t']).len();
        self.text.truncate(line);
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.put('\n');
        }
    }

    /// Leaves one empty line.
    pub(crate) fn end_block(&mut self) {
        self.end_line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.put('\n');
        }
    }

    pub(crate) fn begin(&mut self, kind: PlaceKind, number: Option<u32>, name: Option<&str>) {
        self.end_block();
        self.mark(kind, number, name);
    }

    /// As [`Self::begin`], in the middle of a line.
    pub(crate) fn mark(&mut self, kind: PlaceKind, number: Option<u32>, name: Option<&str>) {
        let start = self.text.len();
        // What had no text has no place.
        if self.places.last().is_some_and(|last| last.start == start) {
            self.places.pop();
        }
        if self.places.len() < PLACES_MAX {
            let name = name.map(|name| {
                let name: String = name.chars().filter(|character| !character.is_control()).collect();
                name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default().to_owned()
            });
            self.places.push(Place { start, kind, number, name });
        }
    }

    /// Something that describes the file: as `name=value` if it has a name, else as a line of its own.
    pub(crate) fn fact(&mut self, name: Option<&str>, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let line = match name {
            Some(name) => format!("{name}={value}"),
            None => value.to_owned(),
        };
        for character in line.chars().filter(|character| *character == '\n' || !character.is_control()) {
            if self.facts.len() + 2 + character.len_utf8() > FACTS_BYTES_MAX {
                return;
            }
            self.facts.push(character);
        }
        self.facts.push('\n');
    }

    pub(crate) fn omit(&mut self, what: What) {
        self.omit_many(what, 1);
    }

    pub(crate) fn omit_many(&mut self, what: What, count: usize) {
        if count > 0 {
            let sum = self.omitted.entry(what).or_default();
            *sum = sum.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// Leaves out pages, where nothing says where they end.
    pub(crate) fn forget_pages(&mut self) {
        self.places.retain(|place| place.kind != PlaceKind::Page);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// How long the text is so far.
    pub(crate) fn length(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn ends_with(&self, characters: &[char]) -> bool {
        self.text.ends_with(characters)
    }

    pub(crate) fn finish(mut self, kind: Kind) -> Extracted {
        self.text.truncate(self.text.trim_end().len());
        let length = self.text.len();
        self.places.retain(|place| place.start < length);
        let omitted = self.omitted.into_iter().map(|(what, count)| Omission { what, count });
        Extracted {
            kind,
            text: self.text,
            places: self.places,
            facts: self.facts,
            omitted: omitted.collect(),
            is_cut: self.is_cut,
            pages: self.pages,
        }
    }
}
