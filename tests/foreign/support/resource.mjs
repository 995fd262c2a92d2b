// WHIP and WHEP as docs/whip.md tells them.

/** Sends the offer; the answer, and where to end it. */
export async function post(url, offer, token) {
  const headers = { "content-type": "application/sdp" };
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(url, { method: "POST", headers, body: offer });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`POST ${url}: ${response.status} ${answer}`);
  return { answer, location: new URL(response.headers.get("location"), url), etag: response.headers.get("etag") };
}

export async function end(location) {
  const response = await fetch(location, { method: "DELETE" });
  if (response.status !== 200) throw new Error(`DELETE ${location}: ${response.status}`);
}
