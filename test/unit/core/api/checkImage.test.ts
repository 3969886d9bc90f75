import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import type { MessagesRequest, RequestBlock } from '../../../../src/core/api/messagesRequest.ts';

const big = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** (bytes - 1 - index)) % 256);
const little = (value: number, bytes: number) => big(value, bytes).reverse();
const letters = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const padding = Array.from({ length: 40 }, () => 0);

type Maker = (width: number, height: number) => number[];
const png: Maker = (width, height) => [
  0x89,
  ...letters('PNG\r\n\x1a\n'),
  0,
  0,
  0,
  13,
  ...letters('IHDR'),
  ...big(width, 4),
  ...big(height, 4),
];
const gif: Maker = (width, height) => [...letters('GIF89a'), ...little(width, 2), ...little(height, 2)];
const metadata = Array.from({ length: 60_000 }, () => 7);
const frame: Maker = (width, height) => [0xff, 0xc2, ...big(17, 2), 8, ...big(height, 2), ...big(width, 2), 3];
const jpeg: Maker = (width, height) =>
  [0xff, 0xd8, 0xff, 0xe1, ...big(60_002, 2)].concat(metadata, frame(width, height));
const riff = [...letters('RIFF'), 0, 0, 0, 0, ...letters('WEBP')];
const webpX: Maker = (width, height) => [
  ...riff,
  ...letters('VP8X'),
  10,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  ...little(width - 1, 3),
  ...little(height - 1, 3),
];
const webp: Maker = (width, height) => [
  ...riff,
  ...letters('VP8 '),
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x9d,
  1,
  0x2a,
  ...little(width, 2),
  ...little(height, 2),
];
const webpL: Maker = (width, height) => [
  ...riff,
  ...letters('VP8L'),
  0,
  0,
  0,
  0,
  0x2f,
  ...little(width - 1 + (height - 1) * 0x4000, 4),
];

function image(media_type: string, bytes: number[]): RequestBlock {
  const data = Buffer.from([...bytes, ...padding]).toString('base64');
  return { type: 'image', source: { type: 'base64', media_type, data } };
}

function broken(...content: RequestBlock[]) {
  const request = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content }] } satisfies MessagesRequest;
  return checkRequest(request as MessagesRequest).map(({ rule, path, message }) => `${rule} ${path} ${message}`);
}

const kinds: [string, string, Maker][] = [
  ['png', 'image/png', png],
  ['gif', 'image/gif', gif],
  ['jpeg', 'image/jpeg', jpeg],
  ['extended webp', 'image/webp', webpX],
  ['webp', 'image/webp', webp],
  ['lossless webp', 'image/webp', webpL],
];

describe('an image', () => {
  it.each(kinds)('of the kind %s is taken up to 8000 pixels a side', (_name, type, make) => {
    expect(broken(image(type, make(8000, 300)), image(type, make(300, 8000)))).toEqual([]);
    expect(broken(image(type, make(8001, 300)))).toEqual([
      'image_size messages.0.content.0.source The image has 8001 × 300 pixels; the API takes 8000 a side.',
    ]);
    expect(broken(image(type, make(300, 8001)))).toHaveLength(1);
  });

  it('may be less large where there are many', () => {
    const many = (count: number) => Array.from({ length: count }, () => image('image/png', png(2001, 10)));
    expect(broken(...many(20))).toEqual([]);
    expect(broken(...many(21))[0]).toContain('2000 a side with more than 20 images');
  });

  it('must not be larger than 5 MB as it is sent', () => {
    const bytes = [...png(10, 10), ...Array.from({ length: 3_940_000 }, () => 0)];
    expect(broken(image('image/png', bytes))[0]).toMatch(/^image_size .* 5\.0 MB/);
  });

  it('must be what it is called', () => {
    expect(broken(image('image/png', jpeg(10, 10)))).toEqual([
      'image_source messages.0.content.0.source The image is called image/png, but its bytes are image/jpeg.',
    ]);
  });

  it.each([['this is a picture'], ['data:image/png;base64,iVBORw0KGgo='], ['iVBORw0KGgo=iVBO'], ['iVBOR']])(
    'must be base64: %s',
    (data) => {
      const source = { type: 'base64', media_type: 'image/png', data };
      expect(broken({ type: 'image', source })).toEqual([
        'image_source messages.0.content.0.source The image’s data is not base64.',
      ]);
    },
  );

  it('may be base64 in lines, without padding', () => {
    const data = Buffer.from([...png(1, 1), ...padding])
      .toString('base64')
      .replace(/=+$/, '');
    const source = { type: 'base64', media_type: 'image/png', data: `${data.slice(0, 20)}\r\n${data.slice(20)}\n` };
    expect(broken({ type: 'image', source })).toEqual([]);
  });

  it.each([
    ['data:image/png;base64,iVBORw0KGgo=', 'an address of data:'],
    ['file:///a.png', 'an address of file:'],
    ['a.png', 'no address'],
  ])('must lie at an address of the web: %s', (url, what) => {
    expect(broken({ type: 'image', source: { type: 'url', url } })).toEqual([
      `image_source messages.0.content.0.source The image has ${what}; the API takes one of https.`,
    ]);
    expect(broken({ type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } })).toEqual([]);
  });

  it('is looked at within results, too', () => {
    const call = { type: 'tool_use', id: 'a', name: 'Read', input: {} };
    const result = { type: 'tool_result', tool_use_id: 'a', content: [image('image/png', gif(1, 1))] };
    const messages = [
      { role: 'user', content: 'Go' },
      { role: 'assistant', content: [call] },
      { role: 'user', content: [result] },
    ];
    const tools = [{ name: 'Read', input_schema: { type: 'object' } }];
    const problems = checkRequest({ model: 'm', max_tokens: 1, tools, messages } as MessagesRequest);
    expect(problems).toMatchObject([{ rule: 'image_source', path: 'messages.2.content.0.content.0.source' }]);
  });

  it('of bytes that nobody knows is left to the API', () => {
    expect(broken(image('image/png', letters('something else')))).toEqual([]);
  });
});
