import { dirname } from "node:path";
import { pause, watchDirectory } from "./directory-changes.ts";
import { isSameLook, type Look, lookAtFile } from "./look-at-file.ts";

/** For a path whose directory shows no change, such as a symlink into a ConfigMap mounted elsewhere. */
const POLL_MS = 1000;

/** A content counts when two reads this far apart agree: somebody may be writing the file in place. */
const SETTLE_MS = 250;

export interface RegistryFileWatch {
  /** Called with the content at the start, at each change, and after an error. If it fails, it is called again. */
  onText(text: Buffer): Promise<void>;
  /** Called once for each new reason why the file cannot be read, or why onText failed. What was read before stays. */
  onError(error: unknown): void;
  readonly signal: AbortSignal;
}

/**
 * Delivers the content of a file, now and whenever it changes, until the signal is aborted; one delivery at a time. The
 * promise resolves when the last one is over.
 *
 * A file that is replaced (a ConfigMap's symlink swapped by the kubelet, a rename by an editor) is never delivered half
 * written. Of one that is written in place, a part can be delivered only if its writer stops for longer than 250 ms.
 */
export async function watchRegistryFile(
  path: string,
  { onText, onError, signal }: RegistryFileWatch,
): Promise<void> {
  const changes = watchDirectory(dirname(path), signal);
  let delivered: Look | undefined;
  let failure: string | undefined;
  const fail = (error: unknown) => {
    delivered = undefined;
    const reason = String(error);
    if (reason !== failure) onError(error);
    failure = reason;
  };
  while (!signal.aborted) {
    const look = await settledLook(path, delivered, signal);
    if (signal.aborted) break;
    if (look.kind === "unreadable") {
      fail(look.error);
    } else if (!delivered || !isSameLook(look, delivered)) {
      try {
        await onText(look.text);
        delivered = look;
        failure = undefined;
      } catch (error) {
        fail(error);
      }
    }
    await changes.next(POLL_MS);
  }
}

/** Looks until two looks agree, be it on an error: between an editor's two renames there is no file. */
async function settledLook(path: string, delivered: Look | undefined, signal: AbortSignal): Promise<Look> {
  let look = await lookAtFile(path);
  while (!signal.aborted && !(delivered && isSameLook(look, delivered))) {
    await pause(SETTLE_MS, signal);
    const again = await lookAtFile(path);
    if (isSameLook(look, again)) return again;
    look = again;
  }
  return look;
}
