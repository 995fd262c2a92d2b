// Generated from src/signaling/protocol.rs by `TANDEM_UPDATE=1 cargo test --lib protocol`. Do not edit.

export const PROTOCOL_VERSION = 1;

/**
 * A time in which it was bad: packets were lost, or answers took too long.
 */
export type BadSpell = { from_ms: number, until_ms: number, 
/**
 * Whose side it was; none: what lies between.
 */
participant_id?: ParticipantId, 
/**
 * On average, in thousandths.
 */
loss_permille?: number, 
/**
 * On average.
 */
round_trip_ms?: number, };

/**
 * A browser in which a user is signed in.
 */
export type Browser = { browser_id: DeviceId, 
/**
 * Which one it is, as far as it says. Empty where that is not known.
 */
name: string, 
/**
 * Unix milliseconds.
 */
added_at_ms: number, 
/**
 * When a page of it came last, in Unix milliseconds.
 */
seen_at_ms: number, 
/**
 * The one that asks.
 */
is_this: boolean, };

export type CallId = string;

/**
 * Where a session's call stands.
 */
export type CallNow = { "state": "ringing_out", call_id: CallId, room_id: RoomId, 
/**
 * The other.
 */
user: UserInfo, 
/**
 * Milliseconds since it began to ring.
 */
elapsed_ms: number, 
/**
 * This session's latest forwarded connection in the room (0: none): go on above it.
 */
attempt: number, } | { "state": "incoming", call_id: CallId, room_id: RoomId, user: UserInfo, elapsed_ms: number, attempt: number, } | { "state": "answered", call_id: CallId, room_id: RoomId, user: UserInfo, 
/**
 * Milliseconds since the answer.
 */
elapsed_ms: number, attempt: number, 
/**
 * The latest direct connection of which a description went through the server (0: none since it started): go on above it.
 */
generation: number, 
/**
 * Whether this session made the call.
 */
outgoing: boolean, participant_id: ParticipantId, participants: Array<Participant>, direct: boolean, polite: boolean, room: RoomInfo, host: boolean, 
/**
 * Whom this session calls into the room, while it rings at them.
 */
invitations: Array<Invitation>, } | { "state": "joined", room: RoomInfo, 
/**
 * Milliseconds since it came in.
 */
elapsed_ms: number, attempt: number, generation: number, participant_id: ParticipantId, participants: Array<Participant>, direct: boolean, polite: boolean, host: boolean, invitations: Array<Invitation>, } | { "state": "waiting", room: RoomInfo, participant_id: ParticipantId, };

/**
 * The report of a call: of the room that it led to, from the first ringing to the end. Times in it are milliseconds since it began.
 */
export type CallReport = { 
/**
 * Unix milliseconds.
 */
began_at_ms: number, lasted_ms: number, 
/**
 * Whether the room is over; else this is what there is so far.
 */
over: boolean, 
/**
 * The calls that led there: the one that made the room, and those by which more people came.
 */
calls: Array<ReportedCall>, 
/**
 * In the order of coming.
 */
participants: Array<ReportedParticipant>, 
/**
 * When it was bad, and whose side that was, in the order of time.
 */
spells: Array<BadSpell>, 
/**
 * When the server was started again.
 */
restarts_ms: Array<number>, 
/**
 * What there was no place for any more.
 */
left_out: number, };

/**
 * Whose calls ring. To all others, the user is as one who is not there.
 */
export type Callers = "anyone" | "contacts";

/**
 * What a browser sends.
 */
export type Command = { "type": "hello", protocol: number, 
/**
 * Left out on the first visit: the server then makes a user.
 */
user?: Credentials | null, 
/**
 * Only for a user that is being made; later `set_name`.
 */
name?: string | null, 
/**
 * In place of `user`, where the server takes tokens of its operator's application. A session that is resumed needs none.
 */
token?: string | null, 
/**
 * The link of a room that this comes to as a guest, where people sign in and this page has not.
 */
guest_of?: LinkId | null, resume?: Resume | null, } | { "type": "ping", } | { "type": "set_name", name: string, } | { "type": "call", user_id: UserId, always_through_server: boolean, } | { "type": "accept", call_id: CallId, always_through_server: boolean, } | { "type": "decline", call_id: CallId, } | { "type": "cancel", call_id: CallId, } | { "type": "hang_up", call_id: CallId, } | { "type": "offer", room_id: RoomId, 
/**
 * Counts this session's forwarded connections in this room: a higher one replaces the one before.
 */
attempt: number, sdp: string, 
/**
 * Which track is sent on which m-line. The m-lines that receive are the slots.
 */
sources: Array<SourceLine>, } | { "type": "publish", room_id: RoomId, sources: Array<Source>, } | { "type": "signal", room_id: RoomId, to: ParticipantId, signal: DirectSignal, } | { "type": "request_path", room_id: RoomId, path: Path, reason: PathReason, } | { "type": "report_path", room_id: RoomId, path: Path, reason: PathReason, 
/**
 * What carries the path, where the browser can tell.
 */
protocol?: PathProtocol | null, 
/**
 * Whether our relay lies between: then `protocol` is what reaches that.
 */
relayed: boolean, 
/**
 * From the answer to the first decoded media, in milliseconds. Only with the first report in a call.
 */
setup_ms?: number | null, } | { "type": "report_quality", room_id: RoomId, measured: Measured, } | { "type": "report_happening", room_id: RoomId, what: Happening, } | { "type": "call_report", call_id: CallId, } | { "type": "invite", room_id: RoomId, user_id: UserId, } | { "type": "create_link", room_id?: RoomId | null, 
/**
 * Of the room; empty is allowed. Cleaned and cut like a user's name.
 */
name: string, 
/**
 * Whoever joins has to know it.
 */
passphrase?: string | null, 
/**
 * For how long it lets people in; none: until it is revoked.
 */
expires_in_s?: number | null, 
/**
 * It lets in one participant, who is not its maker, and then no one any more.
 */
single_use: boolean, 
/**
 * Whoever joins waits until a host admits them.
 */
lobby: boolean, } | { "type": "revoke_link", link_id: LinkId, } | { "type": "list_links", } | { "type": "look_at_link", link_id: LinkId, } | { "type": "join", link_id: LinkId, passphrase?: string | null, always_through_server: boolean, } | { "type": "leave", room_id: RoomId, } | { "type": "lock", room_id: RoomId, locked: boolean, } | { "type": "admit", room_id: RoomId, participant_id: ParticipantId, admitted: boolean, } | { "type": "mute", room_id: RoomId, participant_id: ParticipantId, source: Source, } | { "type": "remove", room_id: RoomId, participant_id: ParticipantId, } | { "type": "raise_hand", room_id: RoomId, raised: boolean, } | { "type": "react", room_id: RoomId, reaction: Reaction, } | { "type": "view", room_id: RoomId, view: View, } | { "type": "start_check", } | { "type": "end_check", } | { "type": "history", 
/**
 * Only those that rang before this one.
 */
before?: HistoryPlace | null, 
/**
 * At most 100.
 */
limit: number, } | { "type": "see_history", } | { "type": "say", room_id: RoomId, message_id: MessageId, 
/**
 * At most 4,000 characters. It may be empty where there is a file.
 */
text: string, 
/**
 * One of this user's that is whole: it is part of this message from then on.
 */
file_id?: FileId | null, } | { "type": "send_file", room_id: RoomId, 
/**
 * Of the message that it is to be part of.
 */
message_id: MessageId, name: string, 
/**
 * How many it has: from 1 to `file_bytes_max` of `welcome`.
 */
bytes: number, } | { "type": "open_file", room_id: RoomId, number: number, } | { "type": "open_call_file", call_id: CallId, number: number, } | { "type": "edit_message", room_id: RoomId, number: number, text: string, } | { "type": "delete_message", room_id: RoomId, number: number, } | { "type": "messages", room_id: RoomId, 
/**
 * Only those with a smaller number.
 */
before?: number, 
/**
 * At most 100.
 */
limit: number, } | { "type": "call_messages", call_id: CallId, before?: number, limit: number, } | { "type": "people", } | { "type": "keep_contact", user_id: UserId, name: string, } | { "type": "forget_contact", user_id: UserId, } | { "type": "block", user_id: UserId, 
/**
 * For this user's list.
 */
name: string, } | { "type": "unblock", user_id: UserId, } | { "type": "set", settings: Settings, } | { "type": "subscribe_push", endpoint: string, p256dh: string, auth: string, } | { "type": "unsubscribe_push", endpoint: string, } | { "type": "set_away", away: boolean, } | { "type": "browsers", } | { "type": "sign_out", browser_id?: DeviceId | null, } | { "type": "pair", } | { "type": "cancel_pairing", } | { "type": "look_at_pairing", code: string, } | { "type": "use_pairing", code: string, } | { "type": "forget_history", call_id?: CallId | null, };

/**
 * A command as it stands on the wire: `{"ref": 7, "type": "call", …}`.
 */
export type CommandFrame = { 
/**
 * Grows by at least one from command to command of a session. Answers and errors carry it; the server ignores a command whose
 * `ref` is not above the last one that it took, so a command may be sent again after a resume. `hello` is outside of this count:
 * any `ref` will do.
 */
ref: number, } & Command;

/**
 * Somebody whom a user knows.
 */
export type Contact = { 
/**
 * With the name that this user gave.
 */
user: UserInfo, presence: Presence, };

/**
 * A user id and the secret that proves it.
 */
export type Credentials = { user_id: UserId, secret: string, };

export type DeviceId = string;

/**
 * One step of the negotiation of a direct connection (perfect negotiation, W3C WebRTC section 10.7).
 */
export type DirectSignal = { "kind": "description", 
/**
 * Counts the direct connections of this pair: a higher one replaces the one before.
 */
generation: number, sdp_type: SdpType, sdp: string, } | { "kind": "candidate", generation: number, candidate?: IceCandidate | null, } | { "kind": "restart", generation: number, };

/**
 * Who called whom.
 */
export type Direction = "made" | "received";

/**
 * Why a call ended.
 */
export type EndReason = "declined" | "busy" | "no_answer" | "cancelled" | "hung_up" | "connection_lost" | "unreachable" | "removed";

/**
 * Why a command was refused.
 */
export type ErrorCode = "bad_command" | "not_signed_in" | "not_allowed" | "rate_limited" | "too_large" | "shutting_down" | "overloaded" | "room_full" | "room_locked" | "no_such_link" | "passphrase_needed" | "not_saved" | "not_loaded" | "node_unreachable" | "no_such_code" | "no_space" | "kept_elsewhere";

/**
 * What the server sends.
 */
export type Event = { "type": "welcome", protocol: number, session_id: SessionId, 
/**
 * Proves this session when it is resumed.
 */
resume_secret: string, 
/**
 * Whether the session asked for goes on (missed events follow); else it is a new one.
 */
resumed: boolean, 
/**
 * The last `ref` that the server took from this session (0: none); send later commands again.
 */
last_ref: number, user_id: UserId, 
/**
 * Only for a user that was just made: keep it, it is never shown again.
 */
secret?: string, name: string, 
/**
 * Seconds for which a call rings.
 */
ring_timeout_s: number, 
/**
 * What `forwarded` may use; `direct` only those with STUN.
 */
ice_servers: Array<IceServer>, 
/**
 * Which run of the server this is. Another one than before: events on the way and forwarded connections are gone.
 */
boot_id: string, 
/**
 * The call that the session has, for a page that does not know of it: after the events that follow, nothing is new in it.
 */
call?: CallNow, 
/**
 * What the token of this session lets it do; none: everything.
 */
grants?: Grants, 
/**
 * Missed calls that the user has not seen; none: as many as before.
 */
missed?: number, 
/**
 * Bytes that a file in a chat may have; none: this server keeps no files.
 */
file_bytes_max?: number, } | { "type": "pairing_begun", code: string, expires_in_s: number, } | { "type": "pairing_seen", user: UserInfo, } | { "type": "pairing_over", 
/**
 * The browser that gave it, as far as it says; none: nobody did.
 */
used_by?: string, } | { "type": "paired", user_id: UserId, secret: string, } | { "type": "pong", 
/**
 * Instead of all that were told before: credentials are renewed before they run out.
 */
ice_servers?: Array<IceServer>, } | { "type": "error", code: ErrorCode, message: string, 
/**
 * When to try again, where that is known.
 */
retry_after_s?: number, } | { "type": "name_changed", name: string, } | { "type": "call_ringing", call_id: CallId, room_id: RoomId, user: UserInfo, } | { "type": "incoming_call", call_id: CallId, room_id: RoomId, user: UserInfo, } | { "type": "call_answered", call_id: CallId, room_id: RoomId, 
/**
 * This session's own.
 */
participant_id: ParticipantId, 
/**
 * The others.
 */
participants: Array<Participant>, 
/**
 * Whether `direct` may be negotiated.
 */
direct: boolean, 
/**
 * This session's role in perfect negotiation.
 */
polite: boolean, room: RoomInfo, 
/**
 * Whether this session is a host.
 */
host: boolean, } | { "type": "answered_elsewhere", call_id: CallId, } | { "type": "call_ended", call_id: CallId, reason: EndReason, 
/**
 * Milliseconds since it was answered (0: it was not).
 */
duration_ms: number, } | { "type": "offer_answered", room_id: RoomId, attempt: number, sdp: string, } | { "type": "slots_changed", room_id: RoomId, attempt: number, slots: Array<Slot>, } | { "type": "layers_wanted", room_id: RoomId, source: Source, layers: Array<WantedLayer>, } | { "type": "transport_lost", room_id: RoomId, attempt: number, reason: TransportLostReason, } | { "type": "participant_changed", room_id: RoomId, participant: Participant, } | { "type": "participant_joined", room_id: RoomId, participant: Participant, 
/**
 * The invitation that brought them.
 */
call_id?: CallId, } | { "type": "participant_left", room_id: RoomId, participant_id: ParticipantId, reason: LeaveReason, } | { "type": "direct_changed", room_id: RoomId, direct: boolean, polite: boolean, participant_id?: ParticipantId, } | { "type": "room_changed", room: RoomInfo, } | { "type": "room_joined", room: RoomInfo, 
/**
 * This session's own.
 */
participant_id: ParticipantId, 
/**
 * The others.
 */
participants: Array<Participant>, direct: boolean, polite: boolean, host: boolean, } | { "type": "lobby_entered", room: RoomInfo, participant_id: ParticipantId, } | { "type": "room_left", room_id: RoomId, reason: LeaveReason, } | { "type": "lobby_changed", room_id: RoomId, waiting: Array<Waiting>, } | { "type": "muted", room_id: RoomId, by?: ParticipantId, source: Source, } | { "type": "reacted", room_id: RoomId, participant_id: ParticipantId, reaction: Reaction, } | { "type": "speakers_changed", room_id: RoomId, participant_ids: Array<ParticipantId>, } | { "type": "link_created", link: Link, } | { "type": "links", links: Array<Link>, } | { "type": "link_seen", link: LinkPreview, } | { "type": "signaled", room_id: RoomId, from: ParticipantId, signal: DirectSignal, } | { "type": "path_requested", room_id: RoomId, participant_id: ParticipantId, path: Path, reason: PathReason, } | { "type": "path_changed", room_id: RoomId, participant_id: ParticipantId, path: Path, reason: PathReason, 
/**
 * What carries it at the other's end, where its browser could tell: so that both know whose network is the narrow one.
 */
protocol?: PathProtocol, } | { "type": "check_started", room_id: RoomId, } | { "type": "history", rows: Array<HistoryRow>, 
/**
 * Whether there are older ones.
 */
more: boolean, 
/**
 * Missed and not seen, in the whole history.
 */
missed: number, } | { "type": "history_changed", row: HistoryRow, missed: number, } | { "type": "history_seen", } | { "type": "history_forgotten", call_id?: CallId, missed: number, } | { "type": "message", room_id: RoomId, message: Message, } | { "type": "message_changed", room_id: RoomId, message: Message, } | { "type": "file_begun", message_id: MessageId, file_id: FileId, ticket: string, } | { "type": "file_opened", file_id: FileId, ticket: string, } | { "type": "messages", 
/**
 * Where a room was asked for.
 */
room_id?: RoomId, 
/**
 * Where a call was asked for.
 */
call_id?: CallId, messages: Array<Message>, 
/**
 * Whether there are older ones.
 */
more: boolean, } | { "type": "call_report", call_id: CallId, report: CallReport, } | { "type": "people", contacts: Array<Contact>, blocked: Array<UserInfo>, settings: Settings, } | { "type": "contact_changed", contact: Contact, } | { "type": "contact_forgotten", user_id: UserId, } | { "type": "blocked", user: UserInfo, } | { "type": "unblocked", user_id: UserId, } | { "type": "settings_changed", settings: Settings, } | { "type": "browsers", browsers: Array<Browser>, } | { "type": "signed_out", browser_ids: Array<DeviceId>, } | { "type": "push_subscribed", } | { "type": "push_unsubscribed", } | { "type": "presence_changed", changes: Array<PresenceOf>, } | { "type": "server_stopping", };

/**
 * An event as it stands on the wire: `{"seq": 12, "ref": 7, "type": "call_ringing", …}`.
 */
export type EventFrame = { 
/**
 * Counts the events of a session from 1, without gaps. `welcome` and `pong` have none: they are never replayed.
 */
seq?: number, 
/**
 * The `ref` of the command that this answers.
 */
ref?: number, } & Event;

export type FileId = string;

/**
 * A file in a message.
 */
export type FileInfo = { file_id: FileId, 
/**
 * Without a path, and without what could mislead a reader.
 */
name: string, bytes: number, 
/**
 * By its first bytes.
 */
kind: FileKind, 
/**
 * Whether it can still be had: files are kept for a shorter time than what is written.
 */
kept: boolean, };

/**
 * What a file is, by its first bytes and not by what anybody says: only pictures that every browser shows, and that carry no script.
 */
export type FileKind = "png" | "jpeg" | "webp" | "gif" | "other";

/**
 * What a session may do.
 */
export type Grants = { 
/**
 * The only room that it may enter, by the id of its link; none: any.
 */
room?: LinkId, 
/**
 * Comes by the link of that room alone: nobody has vouched for them.
 */
guest?: boolean, 
/**
 * May enter rooms by links, and answer calls.
 */
join: boolean, 
/**
 * May make rooms: by links and by calls. Bound to a room, it may open that one.
 */
create: boolean, 
/**
 * Is a host wherever it enters by a link.
 */
admin: boolean, 
/**
 * May become a host by what happens: the first who comes in, or the longest there when the last host goes.
 */
appointed: boolean, publish: Sources, 
/**
 * May be sent the media of others.
 */
subscribe: boolean, 
/**
 * May raise a hand and react.
 */
data: boolean, 
/**
 * May change its user's name.
 */
rename: boolean, };

/**
 * What happened to a participant's devices, page and connections.
 */
export type Happening = "microphone_switched" | "camera_switched" | "microphone_lost" | "camera_lost" | "microphone_silenced" | "camera_silenced" | "microphone_restored" | "camera_restored" | "page_hidden" | "page_shown" | "microphone_on" | "microphone_off" | "camera_on" | "camera_off" | "screen_shared" | "screen_ended" | "away" | "back" | "media_lost";

/**
 * A place in a history: calls are in the order of ringing, and those of one moment in the order of their ids.
 */
export type HistoryPlace = { rang_at_ms: number, call_id: CallId, };

/**
 * A call that is over, as its user had it.
 */
export type HistoryRow = { call_id: CallId, 
/**
 * The other, with the name that they had then (empty where it was not known).
 */
user: UserInfo, direction: Direction, 
/**
 * Unix milliseconds.
 */
rang_at_ms: number, reason: EndReason, answered: boolean, 
/**
 * Milliseconds.
 */
talked_ms: number, 
/**
 * It was for this user, and nobody answered.
 */
missed: boolean, 
/**
 * Of a missed one: the user knows of it.
 */
seen: boolean, 
/**
 * Whether something was written in it: `call_messages` has it.
 */
chat: boolean, 
/**
 * Whether there is a report of it: `call_report` has it.
 */
report: boolean, };

/**
 * `RTCIceCandidateInit` in snake_case.
 */
export type IceCandidate = { candidate: string, sdp_mid?: string | null, sdp_m_line_index?: number | null, username_fragment?: string | null, };

/**
 * `RTCIceServer`.
 */
export type IceServer = { urls: Array<string>, 
/**
 * With TURN only.
 */
username?: string, credential?: string, };

/**
 * A call of this session that rings somebody into its room.
 */
export type Invitation = { call_id: CallId, user: UserInfo, };

/**
 * Why a session that came by a link is not in the room any more.
 */
export type LeaveReason = "left" | "removed" | "refused" | "connection_lost" | "closed";

/**
 * A link as its maker sees it.
 */
export type Link = { 
/**
 * The page is `/r/<link_id>`.
 */
link_id: LinkId, name: string, has_passphrase: boolean, 
/**
 * Seconds from now; none: it does not expire.
 */
expires_in_s?: number, single_use: boolean, lobby: boolean, 
/**
 * How many are in the room now.
 */
participants: number, };

export type LinkId = string;

/**
 * A link as whoever has it sees it before joining.
 */
export type LinkPreview = { link_id: LinkId, name: string, has_passphrase: boolean, lobby: boolean, locked: boolean, participants: number, 
/**
 * Whether this user made it, and so is a host who needs neither pass phrase nor admission.
 */
mine: boolean, };

/**
 * What the maker of a link asks for.
 */
export type LinkWish = { 
/**
 * Of the room; empty is allowed. Cleaned and cut like a user's name.
 */
name: string, 
/**
 * Whoever joins has to know it.
 */
passphrase?: string | null, 
/**
 * For how long it lets people in; none: until it is revoked.
 */
expires_in_s?: number | null, 
/**
 * It lets in one participant, who is not its maker, and then no one any more.
 */
single_use: boolean, 
/**
 * Whoever joins waits until a host admits them.
 */
lobby: boolean, };

/**
 * Something that happened at a moment.
 */
export type Mark = { at_ms: number, what: Happening, };

/**
 * What a page measured of the connection that brings what it shows, over some seconds. What it cannot tell is left out.
 */
export type Measured = { path: Path, 
/**
 * Over how many milliseconds, 1 to 60,000.
 */
lasted_ms: number, 
/**
 * Packets that did not arrive here, in thousandths of all.
 */
received_loss_permille?: number | null, 
/**
 * The same of what was sent, as its receiver says.
 */
sent_loss_permille?: number | null, jitter_ms?: number | null, 
/**
 * To the other browser or to the server, whichever the path leads to.
 */
round_trip_ms?: number | null, 
/**
 * Pictures that were decoded, of all the videos together.
 */
frames_per_s?: number | null, 
/**
 * For how much of the time a picture stood still, in thousandths.
 */
frozen_permille?: number | null, };

/**
 * Something written in a room.
 */
export type Message = { 
/**
 * Its place in the order of the room, from 1 without gaps.
 */
number: number, 
/**
 * Chosen by the sender.
 */
message_id: MessageId, 
/**
 * Who wrote it, with the name of then.
 */
user: UserInfo, participant_id: ParticipantId, 
/**
 * When it was kept, in Unix milliseconds.
 */
at_ms: number, 
/**
 * Empty where it was deleted, and where a file says it all.
 */
text: string, edited: boolean, deleted: boolean, 
/**
 * What came along with it.
 */
file?: FileInfo, };

export type MessageId = string;

/**
 * A session in a room as the others see it.
 */
export type Participant = { participant_id: ParticipantId, user: UserInfo, 
/**
 * The tracks that are on.
 */
sources: Array<Source>, 
/**
 * Its websocket is gone, and the server waits for it to come back.
 */
reconnecting: boolean, 
/**
 * May mute, remove, admit and lock.
 */
host: boolean, 
/**
 * Whether the hand is up: the place in the order of raising, from 1. None: it is down.
 */
hand?: number, };

export type ParticipantId = string;

/**
 * How media flows.
 */
export type Path = "direct" | "forwarded";

/**
 * What carries a path.
 */
export type PathProtocol = "udp" | "tcp" | "tls";

/**
 * Why a path is taken.
 */
export type PathReason = "first_media" | "direct_ready" | "direct_lost" | "direct_stalled" | "always_through_server" | "loss" | "round_trip" | "direct_recovered" | "udp_loss" | "udp_dead" | "udp_recovered" | "group";

/**
 * Whether somebody can be reached, as far as they show it: only where each has the other as a contact. Of anybody else, of who is not
 * there and of an id that nobody has, it is `offline`.
 */
export type Presence = "offline" | "away" | "online" | "in_call";

/**
 * The presence of one contact.
 */
export type PresenceOf = { user_id: UserId, presence: Presence, };

/**
 * What a participant may show for a moment.
 */
export type Reaction = "thumbs_up" | "applause" | "heart" | "laughter" | "surprise" | "party";

/**
 * When a call rang, was answered, and was over.
 */
export type ReportedCall = { call_id: CallId, rang_ms: number, answered_ms?: number, over_ms?: number, reason?: EndReason, };

/**
 * What was measured over the time before.
 */
export type ReportedMeasure = { at_ms: number, measured: Measured, };

/**
 * A participant: paths, measurements and what happened.
 */
export type ReportedParticipant = { participant_id: ParticipantId, user: UserInfo, came_ms: number, left_ms?: number, left_reason?: LeaveReason, 
/**
 * From coming in to the first decoded media, as the page measured it.
 */
setup_ms?: number, paths: Array<ReportedPath>, measured: Array<ReportedMeasure>, marks: Array<Mark>, };

/**
 * A path for as long as it was taken.
 */
export type ReportedPath = { from_ms: number, until_ms: number, path: Path, 
/**
 * Not every browser can tell.
 */
protocol?: PathProtocol, 
/**
 * Whether this server's relay (TURN) lay between: then `protocol` is what reached that.
 */
relayed: boolean, 
/**
 * Why it was taken.
 */
reason: PathReason, };

/**
 * Which session goes on, and the last event of it that was seen.
 */
export type Resume = { session_id: SessionId, secret: string, 
/**
 * `seq` of the last event received (0: none).
 */
seq: number, 
/**
 * Counts the websockets on which this page says this, from 1 (0: it does not count). A `hello` may be late: of one that says less than
 * the websocket which the session has, nobody reads the answer any more.
 */
tries: number, };

export type RoomId = string;

/**
 * What is true of a whole room.
 */
export type RoomInfo = { room_id: RoomId, 
/**
 * Empty where it has none.
 */
name: string, 
/**
 * By which more people may come; none: they can only be invited.
 */
link_id?: LinkId, 
/**
 * Nobody comes in by the link any more.
 */
locked: boolean, 
/**
 * Those who come by the link wait to be admitted.
 */
lobby: boolean, };

export type SdpType = "offer" | "answer";

export type SessionId = string;

/**
 * What a user has chosen, on all devices.
 */
export type Settings = { callers: Callers, 
/**
 * Media never goes directly: nobody in a call learns this user's addresses.
 */
always_through_server: boolean, };

/**
 * A slot and the track in it.
 */
export type Slot = { 
/**
 * The m-line's `a=mid`.
 */
mid: string, participant_id: ParticipantId, source: Source, 
/**
 * Bandwidth, or the server, does not suffice for it now: no picture comes, and the last one is not to be taken for it.
 */
paused: boolean, };

/**
 * What a track carries. A participant has at most one track of each.
 */
export type Source = "microphone" | "camera" | "screen" | "screen_audio";

/**
 * A track that is sent on an m-line.
 */
export type SourceLine = { 
/**
 * The m-line's `a=mid`.
 */
mid: string, source: Source, };

/**
 * Which tracks may be published.
 */
export type Sources = { microphone: boolean, camera: boolean, screen: boolean, screen_audio: boolean, };

/**
 * One picture on a page.
 */
export type Tile = { participant_id: ParticipantId, 
/**
 * `camera` or `screen`.
 */
source: Source, 
/**
 * Its size on the page in device pixels. 0 for one that is not to be seen now: its slot is kept, and nothing is sent in it.
 */
width_px: number, height_px: number, weight: Weight, };

/**
 * Why the server gave up a forwarded connection.
 */
export type TransportLostReason = "timeout" | "handshake" | "fault" | "closed";

export type UserId = string;

/**
 * A user as others see them.
 */
export type UserInfo = { user_id: UserId, 
/**
 * Empty where none was given.
 */
name: string, };

/**
 * Which video the SFU sends to a participant. Audio is not chosen by it: the loudest voices are heard whoever is looked at.
 */
export type View = { "kind": "everything" } | { "kind": "tiles", tiles: Array<Tile>, } | { "kind": "speaker" } | { "kind": "participant", participant_id: ParticipantId, };

/**
 * Somebody in the lobby.
 */
export type Waiting = { 
/**
 * What they will be in the room.
 */
participant_id: ParticipantId, user: UserInfo, };

/**
 * One encoding of a published track, and whether anybody watches it.
 */
export type WantedLayer = { 
/**
 * The encoding's rid; none where the track is sent without simulcast.
 */
rid: string | null, active: boolean, 
/**
 * At most this, in bits per second.
 */
bitrate_bps: number, };

/**
 * How much a picture matters to whoever looks at it, most first.
 */
export type Weight = "screen" | "pinned" | "speaker" | "rest";
