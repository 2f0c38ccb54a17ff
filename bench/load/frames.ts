/** Types of HTTP/2 frames (RFC 9113, section 6). */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;

/** Settings (RFC 9113, section 6.5.2). */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const HEAD_BYTES = 9;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Settings by their number. */
export function settings(values: Readonly<Record<number, number>>): Buffer {
  const payload = Buffer.alloc(6 * Object.keys(values).length);
  for (const [index, [name, value]] of Object.entries(values).entries()) {
    payload.writeUInt16BE(Number(name), index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function readSettings(payload: Buffer): Map<number, number> {
  const values = new Map<number, number>();
  for (let at = 0; at + 6 <= payload.length; at += 6)
    values.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return values;
}

export function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FrameType.WINDOW_UPDATE, 0, 0, payload);
}

/** A frame may not be longer, unless the peer allows it. */
const FRAME_BYTES_MOST = 16_384;

/** A whole gRPC call with one short message: its headers, encoded once and for all calls, and its body. */
export function callFrames(stream: number, headers: Uint8Array, message: Uint8Array): Buffer {
  if (5 + message.length > FRAME_BYTES_MOST)
    throw new Error(`a message of ${message.length} bytes does not fit into one frame`);
  const bytes = Buffer.alloc(2 * HEAD_BYTES + headers.length + 5 + message.length);
  bytes.writeUIntBE(headers.length, 0, 3);
  bytes.writeUInt8(FrameType.HEADERS, 3);
  bytes.writeUInt8(END_HEADERS, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(headers, HEAD_BYTES);
  const data = HEAD_BYTES + headers.length;
  bytes.writeUIntBE(5 + message.length, data, 3);
  bytes.writeUInt8(FrameType.DATA, data + 3);
  bytes.writeUInt8(END_STREAM, data + 4);
  bytes.writeUInt32BE(stream, data + 5);
  bytes.writeUInt32BE(message.length, data + HEAD_BYTES + 1);
  bytes.set(message, data + HEAD_BYTES + 5);
  return bytes;
}

/** HPACK (RFC 7541) at its plainest: every header as it stands, nothing remembered. */
export function headerBlock(headers: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => {
    if (value.length >= 127) throw new Error(`a header of ${value.length} characters is too long here`);
    return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
  };
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export interface FrameReader {
  readonly onFrame: (type: number, flags: number, stream: number, payload: Buffer) => void;
}

/** Takes bytes as they come and gives whole frames. */
export function createFrameReader({ onFrame }: FrameReader): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      onFrame(bytes.readUInt8(at + 3), bytes.readUInt8(at + 4), stream, bytes.subarray(at + HEAD_BYTES, end));
      at = end;
    }
    rest = bytes.subarray(at);
  };
}
