// The types of WebAssembly come with those of browsers, which nothing else here should see.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { exports: unknown };
  };
};

/** What a module exports that imports nothing and is small enough to be compiled at once. Each call makes memory of its own. */
export function instantiate<Exports>(bytes: Uint8Array): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as Exports;
}
