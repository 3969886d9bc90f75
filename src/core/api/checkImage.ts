import { isBlank } from './isBlank.ts';
import type { RequestBlock } from './messagesRequest.ts';
import type { Complain } from './requestRules.ts';

// https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size
/** The API takes images of so many bytes, counted as they are sent: in base64. */
const maxBytes = 5 * 1024 * 1024;
/** Pixels of a side. */
const maxPixels = 8000;
/** With more images than this in a request the sides may be less long. */
const fewImages = 20;
const maxPixelsOfMany = 2000;
/** The size of a JPEG stands behind its metadata; so much of the base64 is looked through. */
const maxSearched = 1_000_000;

interface Size {
  width: number;
  height: number;
}

interface Format {
  type: string;
  begins: RegExp;
  /** Null where the beginning doesn't tell it. */
  sizeOf: (bytes: Bytes) => Size | null;
}

/** Checks an image against what the API takes. @param images number of them in the request */
export function checkImage(block: RequestBlock, path: string, images: number, complain: Complain): void {
  const source = (block['source'] ?? {}) as { type?: unknown; media_type?: unknown; data?: unknown; url?: unknown };
  if (source.type === 'url' && !/^https?:\/\//i.test(String(source.url))) {
    const scheme = /^[a-z][a-z\d+.-]*:/i.exec(String(source.url))?.[0];
    const what = scheme === undefined ? 'no address' : `an address of ${scheme}`;
    return complain('image_source', `${path}.source`, `The image has ${what}; the API takes one of https.`);
  }
  if (source.type !== 'base64') return;
  const type = String(source.media_type);
  if (!formats.some((format) => format.type === type) || isBlank(source.data))
    return complain(
      'image_source',
      `${path}.source`,
      'The image has no data, or is of a kind that the API does not take.',
    );
  const data = String(source.data);
  if (data.length > maxBytes) {
    const size = (data.length / 1024 / 1024).toFixed(1);
    complain('image_size', `${path}.source`, `The image has ${size} MB as it is sent; the API takes 5 MB.`);
  }
  if (!isBase64(data)) return complain('image_source', `${path}.source`, 'The image’s data is not base64.');
  const bytes = Bytes.of(data.slice(0, 64));
  const format = formats.find(({ begins }) => begins.test(bytes.text));
  // What we don't know the beginning of, the API may.
  if (format === undefined) return;
  if (format.type !== type)
    return complain('image_source', `${path}.source`, `The image is called ${type}, but its bytes are ${format.type}.`);
  const size = format.sizeOf(format.type === 'image/jpeg' ? Bytes.of(data.slice(0, maxSearched)) : bytes);
  const most = images > fewImages ? maxPixelsOfMany : maxPixels;
  if (size !== null && Math.max(size.width, size.height) > most)
    complain(
      'image_size',
      `${path}.source`,
      `The image has ${size.width} × ${size.height} pixels; the API takes ${most} a side${images > fewImages ? ` with more than ${fewImages} images` : ''}.`,
    );
}

/** Line breaks and missing padding are let through: not every decoder minds them. */
function isBase64(data: string): boolean {
  const plain = data.replace(/[\r\n]/g, '');
  return /^[A-Za-z0-9+/]*={0,2}$/.test(plain) && plain.replace(/=+$/, '').length % 4 !== 1;
}

/** Bytes of an image, as a text of one character each. */
class Bytes {
  constructor(readonly text: string) {}

  /** As many as are sound base64. */
  static of(base64: string): Bytes {
    try {
      return new Bytes(atob(base64.slice(0, base64.length - (base64.length % 4))));
    } catch {
      return new Bytes('');
    }
  }

  at(index: number): number {
    return this.text.charCodeAt(index);
  }

  /** Of two bytes or four, the highest first. */
  big(index: number, length: 2 | 4): number {
    return Array.from({ length }, (_, offset) => this.at(index + offset)).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  /** Of two bytes or three, the lowest first. */
  little(index: number, length: 2 | 3): number {
    return Array.from({ length }, (_, offset) => this.at(index + offset)).reduceRight(
      (sum, byte) => sum * 256 + byte,
      0,
    );
  }
}

const formats: readonly Format[] = [
  {
    type: 'image/png',
    begins: /^\x89PNG\r\n\x1a\n/,
    sizeOf: (bytes) => known({ width: bytes.big(16, 4), height: bytes.big(20, 4) }),
  },
  {
    type: 'image/gif',
    begins: /^GIF8[79]a/,
    sizeOf: (bytes) => known({ width: bytes.little(6, 2), height: bytes.little(8, 2) }),
  },
  { type: 'image/webp', begins: /^RIFF[\s\S]{4}WEBP/, sizeOf: sizeOfWebp },
  { type: 'image/jpeg', begins: /^\xff\xd8\xff/, sizeOf: sizeOfJpeg },
];

function known(size: Size): Size | null {
  return size.width > 0 && size.height > 0 ? size : null;
}

function sizeOfWebp(bytes: Bytes): Size | null {
  switch (bytes.text.slice(12, 16)) {
    case 'VP8X':
      return known({ width: bytes.little(24, 3) + 1, height: bytes.little(27, 3) + 1 });
    case 'VP8 ':
      return known({ width: bytes.little(26, 2) & 0x3fff, height: bytes.little(28, 2) & 0x3fff });
    case 'VP8L': {
      const packed = bytes.little(21, 3) + bytes.at(24) * 0x1000000;
      return known({ width: (packed % 0x4000) + 1, height: (Math.floor(packed / 0x4000) % 0x4000) + 1 });
    }
    default:
      return null;
  }
}

/** Goes from segment to segment to the one that begins the frame. */
function sizeOfJpeg(bytes: Bytes): Size | null {
  for (let at = 2; at + 9 < bytes.text.length; at += 2 + bytes.big(at + 2, 2)) {
    if (bytes.at(at) !== 0xff) return null;
    const marker = bytes.at(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return known({ width: bytes.big(at + 7, 2), height: bytes.big(at + 5, 2) });
  }
  return null;
}
