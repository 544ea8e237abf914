// TLS on Node: the authorities that a client trusts, and its own certificate. See "TLS and tokens" in clients/README.md.

import { builtin, readFile, stampOf } from "./files.js";

export interface TlsFiles {
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

/** Returns the options of a new TLS connection. */
export type Secure = () => object;

interface Modules {
  createSecureContext(options: object): object;
}

/**
 * Loads the files. The function that it returns loads them again when they have changed; if that fails, it warns and
 * uses the last ones. Returns undefined if no file is given. Throws TypeError.
 */
export function secureOptions(o: TlsFiles, warn: (message: string) => void): Secure | undefined {
  if ((o.certFile === undefined) !== (o.keyFile === undefined)) {
    throw new TypeError("certFile and keyFile belong together; give both or neither");
  }
  const files = [o.caFile, o.certFile, o.keyFile].filter((f) => f !== undefined);
  if (files.length === 0) return undefined;
  let stamp = stampOf(files);
  let options = { secureContext: load(o) };
  return () => {
    const now = stampOf(files);
    if (now !== stamp) {
      stamp = now;
      try {
        options = { secureContext: load(o) };
      } catch (e) {
        warn(`lockd: ${(e as Error).message}; the last files are still used`);
      }
    }
    return options;
  };
}

function load({ caFile, certFile, keyFile }: TlsFiles): object {
  const options: { ca?: string[]; cert?: string; key?: string } = {};
  if (caFile !== undefined) options.ca = certificates(readFile("caFile", caFile), `caFile ${JSON.stringify(caFile)}`);
  if (certFile !== undefined) options.cert = readFile("certFile", certFile);
  if (keyFile !== undefined) options.key = readFile("keyFile", keyFile);
  try {
    return builtin<Modules>("node:tls")!.createSecureContext(options);
  } catch (e) {
    const what = `certFile ${JSON.stringify(certFile)}, keyFile ${JSON.stringify(keyFile)}`;
    throw new TypeError(`${what}: they are not valid PEM files, or the key belongs to another certificate (${(e as Error).message})`);
  }
}

/** Returns the certificates of a PEM file. Node would ignore one that it cannot read. */
function certificates(pem: string, what: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const { X509Certificate } = builtin<{ X509Certificate: new (pem: string) => unknown }>("node:crypto")!;
  try {
    for (const one of found) new X509Certificate(one);
    if (found.length > 0) return found;
  } catch {
    // not a certificate
  }
  throw new TypeError(`${what}: it is not a valid PEM file of certificates`);
}
