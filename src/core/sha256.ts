/** Lower-case hex SHA-256 of the text's UTF-8 bytes. */
export type Sha256 = (text: string) => string;
