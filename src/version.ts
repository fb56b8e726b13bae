/** This package's version; a spec holds it to package.json. A constant, so that it is there in a browser too. */
export const version = '0.1.0'
