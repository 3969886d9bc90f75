import * as vscode from 'vscode';
import type { Question } from '../../core/agent/agentFacts.ts';
import { NotFoundError } from '../../core/errors.ts';
import { oneLine } from '../../core/format.ts';
import { inertProse } from '../../core/inertMarkdown.ts';
import { visibleText } from '../../core/plainText.ts';
import type { QuestionTarget } from '../commandTable.ts';
import type { RunList } from '../runTree/runList.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { type AskedQuestion, askedQuestions, questionKey } from './askedQuestions.ts';
import { questionContent } from './questionInput.ts';
import { parseQuestionUri, questionScheme, questionUri } from './questionUris.ts';

/** What agents ask for in full: a command, an edit as a diff, a plan. */
export class QuestionDocuments implements vscode.Disposable {
  readonly #documents: VirtualDocuments;

  constructor(
    private readonly services: ServiceProvider,
    private readonly runs: RunList,
  ) {
    const note = 'This is what an agent asks for. It can’t be edited.';
    this.#documents = new VirtualDocuments(questionScheme, note, (uri) => this.#document(uri));
  }

  /** The question as it waits, undefined where it waits no more. */
  find(target: QuestionTarget): AskedQuestion | undefined {
    const key = questionKey(target);
    return askedQuestions(this.runs.runs).find((asked) => questionKey(asked) === key);
  }

  /** Shows what is asked for. @throws NotFoundError where there is no such question */
  async open(target: QuestionTarget): Promise<void> {
    const question = await this.#question(target);
    const asked = this.find(target);
    const content = questionContent(question.tool, question.input);
    const uri = (name: string, part: 'text' | 'before' | 'after') => vscode.Uri.from(questionUri(target, name, part));
    if (content.kind === 'edit') {
      const name = content.path.slice(content.path.lastIndexOf('/') + 1);
      const title = oneLine(`${question.tool} ${name}? (${asked?.name ?? 'answered'})`);
      const options = { preview: true };
      await vscode.commands.executeCommand('vscode.diff', uri(name, 'before'), uri(name, 'after'), title, options);
      return;
    }
    if (content.language === 'md') {
      const editor = 'vscode.markdown.preview.editor';
      await vscode.commands.executeCommand('vscode.openWith', uri('Plan.md', 'text'), editor, { preview: true });
      return;
    }
    const name = `${asked?.name ?? question.tool} asks.${content.language}`;
    await vscode.commands.executeCommand('vscode.open', uri(oneLine(name, 50), 'text'), { preview: true });
  }

  dispose(): void {
    this.#documents.dispose();
  }

  async #document(uri: vscode.Uri): Promise<string> {
    const asked = parseQuestionUri(uri.query);
    if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
    const { tool, input } = await this.#question({ runId: asked.run, branchId: asked.branch, callId: asked.call });
    const content = questionContent(tool, input);
    // Characters that hide or reorder text are named: what is asked for must read as what it is.
    if (content.kind === 'edit') return visibleText(asked.part === 'before' ? content.before : content.after);
    if (content.language !== 'md') return visibleText(`${content.text.trimEnd()}\n`);
    return `${inertProse(content.text)}\n`;
  }

  /** From the run's log: answered ones can still be read. */
  async #question({ runId, branchId, callId }: QuestionTarget): Promise<Question> {
    const { runs } = await this.services.get();
    const asked = (await runs.events(runId)).findLast(
      (event) => event.type === 'question-asked' && event.branchId === branchId && event.question.callId === callId,
    );
    if (asked?.type === 'question-asked') return asked.question;
    throw new NotFoundError('No agent has asked this.', 'The Runs view lists what waits for you.');
  }
}
