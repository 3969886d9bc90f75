// What ships of other people's work, and under which terms: made of what the bundlers say they took, so that nothing is forgotten.
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';

interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}

interface ShippedPackage {
  name: string;
  version: string;
  license: string;
  texts: string[];
}

/** Terms that let their texts ship along and ask for no more. Another one is a decision, not a surprise. */
const accepted = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'Unlicense',
]);
const licenceFile = /^(licen[cs]e|copying|notice)/i;
/** The MIT license is the same for all but for its copyright line. */
const mit = path.resolve(import.meta.dirname, '../LICENSE');
/** Of packages under it that bring no text: the copyright line of their repository. */
const copyrights: Readonly<Record<string, string>> = {
  standardwebhooks: 'Copyright (c) 2023 Svix (https://www.svix.com)',
};
/** Packages that bring no text, and the one of the same repository, under the same terms, that does. */
const siblings: Readonly<Record<string, string>> = {
  '@aws-sdk/credential-provider-http': '@aws-sdk/client-s3',
  '@aws-sdk/credential-provider-login': '@aws-sdk/client-s3',
  '@aws-sdk/nested-clients': '@aws-sdk/client-s3',
};
/** Folders of packages that hold the licence of what is built of them. */
const parts: Readonly<Record<string, string>> = { '@temporalio/core-bridge': 'sdk-core' };

/** The folder of the package that a file belongs to, null where it is one of ours. */
export function packageFolderOf(file: string): string | null {
  const found = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(file);
  return found?.[1] ?? null;
}

/** Files of which an esbuild bundle holds something. @param metafile of `esbuild.build`; @param root its working directory */
export function bundledFiles(metafile: Metafile, root: string): string[] {
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path.resolve(root, file)] : [],
    ),
  );
}

function licenceTexts(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => licenceFile.test(file))
    .sort()
    .map((file) => readFileSync(path.join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
}

/** Names and versions of the Rust crates that a native program was built of, as its package says. */
function crates(folder: string): string[] {
  if (!readdirSync(folder).includes('Cargo.lock')) return [];
  const lock = readFileSync(path.join(folder, 'Cargo.lock'), 'utf8');
  const found = Array.from(
    lock.matchAll(/^name = "(.*)"\nversion = "(.*)"$/gm),
    ([, name, version]) => `${name} ${version}`,
  );
  return [`Its native program is built of these Rust crates and more of its own:\n${found.join(', ')}.`];
}

function manifestOf(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
}

function describe(folder: string): ShippedPackage {
  const manifest = manifestOf(folder);
  const field = (key: string): string => (typeof manifest[key] === 'string' ? manifest[key] : '');
  const [name, license] = [field('name'), field('license')];
  const texts = licenceTexts(folder);
  const sibling = siblings[name];
  if (sibling !== undefined && texts.length === 0) {
    const beside = path.join(folder, '../..', sibling);
    if (manifestOf(beside)['license'] === license) texts.push(...licenceTexts(beside));
  }
  const part = parts[name];
  if (part !== undefined) texts.push(...licenceTexts(path.join(folder, part)), ...crates(folder));
  const copyright = copyrights[name];
  if (copyright !== undefined && texts.length === 0 && license === 'MIT') {
    const text = readFileSync(mit, 'utf8').replace(/^Copyright .*$/m, copyright);
    texts.push(text.trim());
  }
  return { name, version: field('version'), license, texts };
}

function isAccepted(license: string): boolean {
  const terms = license.replace(/^\(|\)$/g, '');
  // Of a choice one will do; of several that hold together each has to.
  return terms.split(' OR ').some((choice) => choice.split(' AND ').every((term) => accepted.has(term)));
}

/**
 * The notices as one text.
 * @param files that ship, in whole or in part; those outside of `node_modules` are ours
 * @throws Error that names every package without a licence text, or with terms that nobody has accepted
 */
export function thirdPartyNotices(files: readonly string[]): string {
  const folders = new Set(files.flatMap((file) => packageFolderOf(file) ?? []).map((folder) => realpathSync(folder)));
  const packages = [...folders].map(describe);
  packages.sort((a, b) => (a.name === b.name ? (a.version < b.version ? -1 : 1) : a.name < b.name ? -1 : 1));
  const wrong = packages.flatMap(({ name, version, license, texts }) => [
    ...(isAccepted(license) ? [] : [`${name} ${version}: “${license}” is not among the accepted licences.`]),
    ...(texts.length > 0 ? [] : [`${name} ${version} brings no licence text.`]),
  ]);
  if (wrong.length > 0) throw new Error(`Third-party notices (scripts/thirdPartyNotices.ts):\n${wrong.join('\n')}`);
  const notices = packages.map(
    ({ name, version, license, texts }) => `${name} ${version} (${license})\n\n${texts.join('\n\n')}`,
  );
  return `Forkpoint contains the following third-party software.\n\n${notices.map((notice) => `${'─'.repeat(80)}\n${notice}\n\n`).join('')}`;
}
