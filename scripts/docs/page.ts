import { readFile } from 'node:fs/promises'

/** A Markdown file, taken apart as far as its checks need it. Lines count from 1. */
export interface Page {
  readonly path: string
  readonly samples: readonly Sample[]
  readonly links: readonly Link[]
  /** What `#...` can lead to. */
  readonly anchors: ReadonlySet<string>
}

/** One or more ```ts blocks that are one module: all but the first are marked `<!-- continues -->`. */
export interface Sample {
  readonly line: number
  readonly run: boolean
  /** The code at the lines it has on the page, the rest empty: an error there has the page's line. */
  readonly code: string
}

export interface Link {
  readonly line: number
  readonly target: string
  /** What stands in double quotes after a link to a test file: the name of a test in it. */
  readonly quoted?: string
}

interface Block {
  readonly line: number
  readonly lines: readonly string[]
  readonly marks: ReadonlySet<string>
}

export async function readPage(path: string): Promise<Page> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const { blocks, prose } = separate(lines)
  return {
    path,
    samples: samplesOf(path, blocks, lines.length),
    links: prose.flatMap((text, index) => linksIn(text, index + 1)),
    anchors: anchorsOf(prose),
  }
}

/** The ```ts blocks, and the lines outside of all blocks: those inside are blank there. */
function separate(lines: readonly string[]): { blocks: Block[]; prose: string[] } {
  const blocks: Block[] = []
  const prose: string[] = []
  let fence: { mark: string; language: string; line: number; marks: Set<string> } | undefined
  let marks = new Set<string>()
  lines.forEach((text, index) => {
    const edge = /^\s*(`{3,}|~{3,})(\w*)/.exec(text)
    if (fence) {
      prose.push('')
      if (!edge || edge[2] !== '' || !edge[1]!.startsWith(fence.mark)) return
      const { language, line } = fence
      if (language === 'ts') {
        blocks.push({ line, lines: lines.slice(line, index), marks: fence.marks })
      }
      fence = undefined
    } else if (edge) {
      prose.push('')
      fence = { mark: edge[1]!, language: edge[2]!, line: index + 1, marks }
      marks = new Set()
    } else {
      prose.push(text)
      const comment = /^\s*<!-- (.*) -->\s*$/.exec(text)
      if (comment) marks.add(comment[1]!)
      else if (text.trim() !== '') marks = new Set()
    }
  })
  return { blocks, prose }
}

function samplesOf(path: string, blocks: readonly Block[], lineCount: number): Sample[] {
  const chains: Block[][] = []
  for (const block of blocks) {
    if (!block.marks.has('continues')) chains.push([block])
    else if (chains.length > 0) chains.at(-1)!.push(block)
    else throw new Error(`${path}:${block.line}: there is no block that this one could continue`)
  }
  return chains.map((chain) => {
    const code = Array.from({ length: lineCount }, () => '')
    for (const { line, lines } of chain) {
      lines.forEach((text, index) => {
        code[line + index] = text
      })
    }
    return {
      line: chain[0]!.line,
      run: chain.some((block) => block.marks.has('run')),
      code: code.join('\n'),
    }
  })
}

function linksIn(text: string, line: number): Link[] {
  const visible = text.replaceAll(/`[^`]*`/g, (code) => ' '.repeat(code.length))
  const inline = [...visible.matchAll(/\]\(<?([^\s)>]+)>?[^)]*\)(?:,? "([^"]+)")?/g)]
  const others = [...visible.matchAll(/^\s*\[[^\]]+\]:\s+(\S+)|(?:src|href)="([^"]+)"/g)]
  return [
    ...inline.map((match) => ({
      line,
      target: match[1]!,
      // Read from the line itself, where code in a test's name is still there.
      ...(match[2] !== undefined && { quoted: quotedAt(text, match.index + match[0].length) }),
    })),
    ...others.map((match) => ({ line, target: (match[1] ?? match[2])! })),
  ]
}

/** What stands between the double quote before `end` and the one before that. */
function quotedAt(text: string, end: number): string {
  return text.slice(text.lastIndexOf('"', end - 2) + 1, end - 1)
}

/** The ids that GitHub gives to headings, and those that are written down. */
function anchorsOf(prose: readonly string[]): Set<string> {
  const anchors = new Set<string>()
  for (const text of prose) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(text)
    if (heading) anchors.add(unused(anchors, slug(heading[1]!)))
    for (const match of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(match[1]!)
  }
  return anchors
}

function slug(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
}

function unused(anchors: ReadonlySet<string>, wanted: string): string {
  if (!anchors.has(wanted)) return wanted
  for (let n = 1; ; n++) if (!anchors.has(`${wanted}-${n}`)) return `${wanted}-${n}`
}
