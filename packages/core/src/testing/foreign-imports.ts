const patterns = [
  /\bfrom\s*['"]([^'"]+)['"]/g,
  /\bimport\s*['"]([^'"]+)['"]/g,
  /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g,
  /^\/\/\/\s*<reference\s+\w+="([^"]+)"/gm,
]

/** The modules that a source or built file takes from outside its own package. */
export function foreignImports(source: string): string[] {
  return patterns
    .flatMap((pattern) => [...source.matchAll(pattern)])
    .map((match) => match[1] ?? '')
    .filter((name) => !name.startsWith('.'))
}
