import type { Words } from "./en";

/**
 * How the German texts say *du* instead of *Sie*: pairs of what stands in `de.ts` and what stands for it, applied longest first and only to
 * whole words. `du.test.ts` finds sentences that no pair reaches, and pairs that no sentence needs.
 */
export const PAIRS: readonly (readonly [string, string])[] = [
  // Where it is told or asked.
  ["Sie sind als", "Du bist als"],
  ["Sie sind gesperrt", "Du bist gesperrt"],
  ["Danach kommen Sie dorthin zurück, wo Sie waren", "Danach kommst du dorthin zurück, wo du warst"],
  ["Sie haben sich abgemeldet", "Du hast dich abgemeldet"],
  ["Was möchten Sie wissen", "Was möchtest du wissen"],
  ["Was möchten Sie tun", "Was möchtest du tun"],
  ["wohin Sie es gelegt haben", "wohin du es gelegt hast"],
  ["wenn Sie ihn beenden", "wenn du ihn beendest"],
  ["bis Sie es beenden", "bis du es beendest"],
  ["Bis Sie es beenden", "Bis du es beendest"],
  ["Wer Sie bittet", "Wer dich bittet"],
  ["die andere Sie lesen lassen", "die andere dich lesen lassen"],
  ["Das dürfen Sie jetzt davon lesen. Sie sehen es", "Das darfst du jetzt davon lesen. Du siehst es"],
  ["weil Sie ihn nicht lesen dürfen", "weil du ihn nicht lesen darfst"],
  ["weil Sie sie nicht lesen dürfen", "weil du sie nicht lesen darfst"],
  ["nicht für Sie", "nicht für dich"],
  ["für Sie wieder Ihre Worte", "für dich wieder deine Worte"],
  ["nur für Sie verschlüsselt", "nur für dich verschlüsselt"],
  ["Für Sie gilt", "Für dich gilt"],
  ["gesetzt für Sie", "gesetzt für dich"],
  ["Sie sehen Ihre Worte", "du siehst deine Worte"],
  ["auch was Sie geteilt haben", "auch was du geteilt hast"],
  ["was Sie brauchen", "was du brauchst"],
  ["Sie erfahren es", "du erfährst es"],
  ["Sie können die Einstufung", "Du kannst die Einstufung"],
  ["Sie können das rückgängig machen", "Du kannst das rückgängig machen"],
  ["Was Sie tun können", "Was du tun kannst"],
  ["wenn Sie diktieren oder Tasten versehentlich treffen", "wenn du diktierst oder Tasten versehentlich triffst"],
  ["Die Verwaltung hat Sie", "Die Verwaltung hat dich"],
  ["Der Anmeldedienst hat Sie", "Der Anmeldedienst hat dich"],
  ["auch Sie nicht", "auch du nicht"],
  ["Wo Sie angemeldet sind", "Wo du angemeldet bist"],
  ["Erkennen Sie eine Sitzung nicht wieder, beenden Sie sie", "Erkennst du eine Sitzung nicht wieder, beende sie"],
  ["Sie benutzen diese Sitzung gerade: Sie werden hier abgemeldet", "Du benutzt diese Sitzung gerade: Du wirst hier abgemeldet"],
  ["Wie viel Sie nutzen dürfen", "Wie viel du nutzen darfst"],
  ["Wenn Sie mögen, sagen Sie", "Wenn du magst, sag"],
  ["was Sie möchten", "was du möchtest"],
  ["mit denen Sie sie geteilt haben", "mit denen du sie geteilt hast"],
  ["was Sie immer wieder fragen", "was du immer wieder fragst"],
  ["Sie haben noch keinen geschrieben", "Du hast noch keinen geschrieben"],
  ["die Sie hier wählen", "die du hier wählst"],
  ["Die Antwort finden Sie hier", "Die Antwort findest du hier"],
  // Where somebody is asked to do something.
  ["Wählen Sie", "Wähle"],
  ["wählen Sie", "wähle"],
  ["Bitte melden Sie sich", "Bitte melde dich"],
  ["Fragen Sie", "Frag"],
  ["fragen Sie", "frag"],
  ["oder sehen Sie", "oder sieh"],
  ["So schließen Sie", "So schließt du"],
  ["Geben Sie", "Gib"],
  ["geben Sie", "gib"],
  ["Kopieren Sie", "Kopiere"],
  ["bewahren Sie", "bewahre"],
  ["Bewahren Sie", "Bewahre"],
  ["Maskieren oder entfernen Sie", "Maskiere oder entferne"],
  ["Lassen Sie", "Lass"],
  ["Senden Sie", "Sende"],
  ["senden Sie", "sende"],
  ["Versuchen Sie", "Versuch"],
  ["hängen Sie sie noch einmal an", "häng sie noch einmal an"],
  ["Laden Sie", "Lade"],
  ["Öffnen Sie", "Öffne"],
  ["Ziehen Sie", "Zieh"],
  ["nennen Sie", "nenne"],
  ["Nehmen Sie", "Nimm"],
  ["Schalten Sie", "Schalte"],
  ["Halten Sie", "Halte"],
  ["Prüfen Sie", "Prüfe"],
  ["Beginnen Sie", "Beginne"],
  ["sagen Sie", "sag"],
  ["Bitten Sie", "Bitte"],
  ["Exportieren Sie", "Exportiere"],
  ["bringen Sie", "bring"],
  ["rufen Sie", "ruf"],
  ["Vertrauen Sie", "Vertrau"],
  ["Fügen Sie", "Füge"],
  ["Nutzen Sie", "Nutze"],
  ["Ändern Sie", "Ändere"],
  ["Schreiben Sie", "Schreib"],
  ["Lesen Sie", "Lies"],
  ["Niemand außer Ihnen", "Niemand außer dir"],
  ["gehört nur Ihnen", "gehört nur dir"],
  ["Ihnen", "dir"],
  ["wem Sie es sagen können", "wem du es sagen kannst"],
  ["Beschreiben Sie, was Sie hindert", "Beschreibe, was dich hindert"],
  ["kopieren Sie", "kopiere"],
  ["fügen Sie", "füge"],
  ["bevor Sie diese Mail senden", "bevor du diese Mail sendest"],
  ["was Sie tun wollten", "was du tun wolltest"],
  ["Was Sie hindert", "Was dich hindert"],
  ["wenn Sie das sagen möchten", "wenn du das sagen möchtest"],
  ["können Sie sich an", "kannst du dich an"],
  ["Sie brauchen keinen", "du brauchst keinen"],
  ["Sie können entscheiden", "Du kannst entscheiden"],
  ["wartet nichts auf Sie", "wartet nichts auf dich"],
  ["Sie haben zugestimmt", "Du hast zugestimmt"],
  ["Sie haben abgelehnt", "Du hast abgelehnt"],
];

/** Sentences in which *Sie* or *ihr* at the beginning is somebody or something else. */
export const OTHERS: readonly string[] = [
  "mit Sie",
  "Sie hat dafür noch keine Adresse",
  "Ihre Einstufung steht darin;",
  "Sie wird geprüft wie alles andere",
  "zu einem Modell: Sie enthält",
  "Sie braucht kein Netz",
  "Sie stehen in der Konfigurationsdatei",
  "Sie sehen Summen über mehrere Personen",
  "Sie gehen vor jeder Frage an das Modell",
];

/** What stands alone where a name would. */
const ALONE: Readonly<Record<string, string>> = { Sie: "Du" };

const WORD = String.raw`[\p{L}\p{N}]`;
const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
const pattern = new RegExp(
  `(?<!${WORD})(?:(${OTHERS.map(escaped).join("|")})|(${PAIRS.map(([sie]) => sie).toSorted((a, b) => b.length - a.length).map(escaped).join("|")})|(Ihr(?:e[mnrs]?)?))(?!${WORD})`,
  "gu",
);
const pairs = new Map(PAIRS);

/** A German sentence that addresses one with *du*. */
export function duOf(text: string): string {
  if (Object.hasOwn(ALONE, text)) return ALONE[text] ?? text;
  return text.replaceAll(pattern, (whole: string, other: string | undefined, phrase: string | undefined, _own: string | undefined, at: number) => {
    if (other !== undefined) return other;
    if (phrase !== undefined) return pairs.get(phrase) ?? whole;
    // A possessive: `Ihre` becomes `deine`, with a capital where a sentence begins.
    const begins = at === 0 || /[.!?:] $/u.test(text.slice(0, at)) || text[at - 1] === "„";
    return whole.replace("Ihr", begins ? "Dein" : "dein");
  });
}

/** The same words with *du*. What a sentence is given (a title, a name) is not looked at. */
export function withDu(words: Words): Words {
  return changed(words) as Words;
}

function changed(value: unknown): unknown {
  if (typeof value === "string") return duOf(value);
  if (typeof value === "function") {
    const say = value as (...given: unknown[]) => string;
    return (...given: unknown[]) => {
      const said = duOf(say(...given.map((one, index) => (typeof one === "string" && one !== "" ? `\uE000${index}\uE001` : one))));
      return said.replaceAll(/\uE000(\d+)\uE001/gu, (_, index: string) => String(given[Number(index)]));
    };
  }
  if (Array.isArray(value)) return value.map(changed);
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, changed(inner)]));
  return value;
}
