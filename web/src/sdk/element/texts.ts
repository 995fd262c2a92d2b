/** Every word of the element. */

export interface Texts {
  call: string;
  join: string;
  answer: string;
  decline: string;
  mute: string;
  unmute: string;
  camera_off: string;
  camera_on: string;
  hang_up: string;
  connecting: string;
  ready: string;
  waiting: string;
  calling: string;
  incoming: string;
  entering: string;
  lobby: string;
  alone: string;
  reconnecting: string;
  you: string;
  guest: string;
  hear: string;
  ended: string;
  declined: string;
  busy: string;
  no_answer: string;
  unreachable: string;
  connection_lost: string;
  removed: string;
  passphrase_needed: string;
  passphrase: string;
  no_such_link: string;
  room_full: string;
  signed_out: string;
  origin_not_allowed: string;
  unreachable_server: string;
  denied: string;
  failed: string;
}

const en: Texts = {
  call: "Call",
  join: "Join",
  answer: "Answer",
  decline: "Decline",
  mute: "Mute",
  unmute: "Unmute",
  camera_off: "Camera off",
  camera_on: "Camera on",
  hang_up: "Hang up",
  connecting: "Connecting…",
  ready: "Ready to call.",
  waiting: "Ready to be called.",
  calling: "Ringing…",
  incoming: "{name} is calling.",
  entering: "Joining…",
  lobby: "Somebody will let you in.",
  alone: "Nobody else is here yet.",
  reconnecting: "The connection dropped. Reconnecting…",
  you: "You",
  guest: "Guest",
  hear: "Turn the sound on",
  ended: "The call is over.",
  declined: "The call was declined.",
  busy: "The line is busy.",
  no_answer: "Nobody answered.",
  unreachable: "Nobody can be reached there now.",
  connection_lost: "The connection was lost.",
  removed: "You were removed from the room.",
  passphrase_needed: "This room has a pass phrase.",
  passphrase: "Pass phrase",
  no_such_link: "This link leads nowhere any more.",
  room_full: "The room is full.",
  signed_out: "You are not signed in for calls.",
  origin_not_allowed: "This website may not make calls here yet.",
  unreachable_server: "The server for calls does not answer.",
  denied: "Allow camera and microphone in your browser to be seen and heard.",
  failed: "This did not work.",
};

const de: Texts = {
  call: "Anrufen",
  join: "Beitreten",
  answer: "Annehmen",
  decline: "Ablehnen",
  mute: "Stummschalten",
  unmute: "Stummschaltung aufheben",
  camera_off: "Kamera aus",
  camera_on: "Kamera an",
  hang_up: "Auflegen",
  connecting: "Verbindung wird aufgebaut…",
  ready: "Bereit zum Anrufen.",
  waiting: "Bereit für Anrufe.",
  calling: "Es klingelt…",
  incoming: "{name} ruft an.",
  entering: "Der Raum wird betreten…",
  lobby: "Gleich lässt Sie jemand herein.",
  alone: "Noch ist sonst niemand da.",
  reconnecting: "Die Verbindung ist weg und wird neu aufgebaut…",
  you: "Sie",
  guest: "Gast",
  hear: "Ton einschalten",
  ended: "Der Anruf ist beendet.",
  declined: "Der Anruf wurde abgelehnt.",
  busy: "Es ist besetzt.",
  no_answer: "Niemand hat abgenommen.",
  unreachable: "Dort ist gerade niemand zu erreichen.",
  connection_lost: "Die Verbindung ist abgebrochen.",
  removed: "Sie wurden aus dem Raum entfernt.",
  passphrase_needed: "Dieser Raum hat ein Kennwort.",
  passphrase: "Kennwort",
  no_such_link: "Dieser Link führt nirgends mehr hin.",
  room_full: "Der Raum ist voll.",
  signed_out: "Sie sind für Anrufe nicht angemeldet.",
  origin_not_allowed: "Diese Website darf hier noch keine Anrufe führen.",
  unreachable_server: "Der Server für Anrufe antwortet nicht.",
  denied: "Erlauben Sie im Browser Kamera und Mikrofon, um gesehen und gehört zu werden.",
  failed: "Das hat nicht geklappt.",
};

const fr: Texts = {
  call: "Appeler",
  join: "Rejoindre",
  answer: "Répondre",
  decline: "Refuser",
  mute: "Couper le micro",
  unmute: "Activer le micro",
  camera_off: "Couper la caméra",
  camera_on: "Activer la caméra",
  hang_up: "Raccrocher",
  connecting: "Connexion…",
  ready: "Prêt à appeler.",
  waiting: "Prêt à recevoir un appel.",
  calling: "Ça sonne…",
  incoming: "{name} vous appelle.",
  entering: "Entrée dans la salle…",
  lobby: "On va vous faire entrer.",
  alone: "Il n’y a encore personne d’autre.",
  reconnecting: "Connexion perdue, nouvelle tentative…",
  you: "Vous",
  guest: "Invité",
  hear: "Activer le son",
  ended: "L’appel est terminé.",
  declined: "L’appel a été refusé.",
  busy: "La ligne est occupée.",
  no_answer: "Personne n’a répondu.",
  unreachable: "Personne n’est joignable pour le moment.",
  connection_lost: "La connexion a été perdue.",
  removed: "Vous avez été retiré de la salle.",
  passphrase_needed: "Cette salle demande un mot de passe.",
  passphrase: "Mot de passe",
  no_such_link: "Ce lien ne mène plus nulle part.",
  room_full: "La salle est pleine.",
  signed_out: "Vous n’êtes pas connecté pour appeler.",
  origin_not_allowed: "Ce site ne peut pas encore passer d’appels ici.",
  unreachable_server: "Le serveur d’appels ne répond pas.",
  denied: "Autorisez la caméra et le micro dans votre navigateur pour être vu et entendu.",
  failed: "Cela n’a pas fonctionné.",
};

const ALL: Record<string, Texts> = { en, de, fr };

/** The first of these languages that there is, such as "de-AT"; else English. */
export function textsFor(languages: readonly string[]): Texts {
  for (const language of languages) {
    const found = ALL[language.toLowerCase().split("-")[0] ?? ""];
    if (found !== undefined) return found;
  }
  return en;
}

/** What to say of an end, or of something that did not come about. */
export function sentenceFor(texts: Texts, code: string): string {
  if (code.endsWith("_denied")) return texts.denied;
  if (code === "hung_up" || code === "left" || code === "cancelled" || code === "answered_elsewhere")
    return texts.ended;
  return Object.hasOwn(texts, code) ? texts[code as keyof Texts] : texts.failed;
}
