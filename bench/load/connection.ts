import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Ending } from "./endings.ts";
import {
  ACK,
  callFrames,
  createFrameReader,
  END_STREAM,
  FrameType,
  frame,
  headerBlock,
  PADDED,
  PREFACE,
  readSettings,
  Setting,
  settings,
  windowUpdate,
} from "./frames.ts";

const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 1024 * 1024 * 1024;
/** What may be sent before the peer allows more. */
const FIRST_SEND_WINDOW = 65_535;

/** Before each message of gRPC. */
const PREFIX_BYTES = 5;

interface Waiting {
  readonly frames: Buffer;
  /** What counts against the peer's window. */
  readonly bytes: number;
}

interface Call {
  readonly onEnd: (ending: Ending) => void;
  hasHeaders: boolean;
  hasMessage: boolean;
}

/**
 * One HTTP/2 connection that only makes short gRPC calls to one method. An HTTP/2 library takes as much CPU for a call as the
 * servers that are measured; this takes a tenth.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #headers: Buffer;
  readonly #calls = new Map<number, Call>();
  readonly #onBroken: (error: Error) => void;
  #isLeft = false;
  /** Calls that the server allows at once, as far as it has said. */
  #concurrencyMost = Number.POSITIVE_INFINITY;
  #nextStream = 1;
  #sendWindow = FIRST_SEND_WINDOW;
  #received = 0;
  /** Frames of this turn, and calls that wait for the peer's window. */
  #unsent: Buffer[] = [];
  #waiting: Waiting[] = [];

  private constructor(socket: Socket, headers: Buffer, onBroken: (error: Error) => void) {
    this.#socket = socket;
    this.#headers = headers;
    this.#onBroken = onBroken;
    const read = createFrameReader({
      onFrame: (type, flags, stream, payload) => this.#onFrame(type, flags, stream, payload),
    });
    socket.on("data", (chunk) => {
      read(chunk);
      this.flush();
    });
    socket.on("error", (error) => onBroken(error));
    socket.on("close", () => this.#leave("the server closed the connection"));
  }

  /** The server has let go of it while no call was open, as servers do when nothing has been called for a while. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  static async open(port: number, path: string, onBroken: (error: Error) => void): Promise<Connection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const headers = headerBlock([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", `127.0.0.1:${port}`],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
      ["grpc-timeout", "10S"],
    ]);
    const connection = new Connection(socket, headers, onBroken);
    const wanted = {
      [Setting.HEADER_TABLE_SIZE]: 0,
      [Setting.ENABLE_PUSH]: 0,
      [Setting.INITIAL_WINDOW_SIZE]: STREAM_WINDOW,
    };
    connection.#unsent.push(PREFACE, settings(wanted), windowUpdate(CONNECTION_WINDOW));
    connection.flush();
    return connection;
  }

  /**
   * Begins a call; it is sent with the next `flush`, which also follows whatever comes in.
   *
   * @throws Error if the server allows no more at once, or no message so long
   */
  call(message: Uint8Array, onEnd: (ending: Ending) => void): void {
    if (this.#calls.size >= this.#concurrencyMost)
      throw new Error(`the server allows ${this.#concurrencyMost} calls at once on a connection`);
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#calls.set(stream, { onEnd, hasHeaders: false, hasMessage: false });
    const waiting = {
      frames: callFrames(stream, this.#headers, message),
      bytes: PREFIX_BYTES + message.length,
    };
    if (this.#waiting.length > 0 || this.#sendWindow < waiting.bytes) this.#waiting.push(waiting);
    else this.#send(waiting);
  }

  flush(): void {
    if (this.#unsent.length === 0) return;
    this.#socket.write(this.#unsent.length === 1 ? (this.#unsent[0] ?? "") : Buffer.concat(this.#unsent));
    this.#unsent = [];
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #send({ frames, bytes }: Waiting): void {
    this.#sendWindow -= bytes;
    this.#unsent.push(frames);
  }

  #onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.DATA:
      case FrameType.HEADERS:
        if (type === FrameType.DATA) this.#receive(payload.length);
        this.#onAnswer(type, flags, stream, payload);
        return;
      case FrameType.SETTINGS:
        if ((flags & ACK) === 0) this.#onSettings(payload);
        return;
      case FrameType.PING:
        if ((flags & ACK) === 0) this.#unsent.push(frame(FrameType.PING, ACK, 0, payload));
        return;
      case FrameType.WINDOW_UPDATE:
        if (stream === 0) this.#mayResume(payload.readUInt32BE(0));
        return;
      case FrameType.RST_STREAM:
        this.#end(stream, { hasMessage: false, resetCode: payload.readUInt32BE(0) });
        return;
      case FrameType.GOAWAY:
        this.#leave(`the server said GOAWAY (${payload.readUInt32BE(4)})`);
        return;
    }
  }

  #onAnswer(type: number, flags: number, stream: number, payload: Buffer): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    if ((flags & PADDED) !== 0)
      this.#onBroken(new Error("the server pads its frames, which is not read here"));
    if (type === FrameType.DATA) call.hasMessage ||= payload.length >= PREFIX_BYTES;
    if ((flags & END_STREAM) !== 0) {
      const block = type === FrameType.HEADERS ? payload : Buffer.alloc(0);
      this.#end(stream, { hasMessage: call.hasMessage, trailers: { block, alone: !call.hasHeaders } });
    }
    call.hasHeaders = true;
  }

  #onSettings(payload: Buffer): void {
    const allowed = readSettings(payload);
    this.#concurrencyMost = allowed.get(Setting.MAX_CONCURRENT_STREAMS) ?? this.#concurrencyMost;
    this.#unsent.push(frame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0)));
  }

  #end(stream: number, ending: Ending): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#calls.delete(stream);
    call.onEnd(ending);
  }

  #leave(why: string): void {
    this.#isLeft = true;
    if (this.#calls.size > 0) this.#onBroken(new Error(`${why} with ${this.#calls.size} calls open`));
  }

  #receive(bytes: number): void {
    this.#received += bytes;
    if (this.#received < CONNECTION_WINDOW / 2) return;
    this.#unsent.push(windowUpdate(this.#received));
    this.#received = 0;
  }

  #mayResume(more: number): void {
    this.#sendWindow += more;
    while (this.#waiting[0] && this.#sendWindow >= this.#waiting[0].bytes)
      this.#send(this.#waiting.shift() as Waiting);
  }
}
