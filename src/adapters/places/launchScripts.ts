import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../sha256.ts';
import { writeWhole } from '../writeWhole.ts';

/** Exit code where the place can't be entered; the program was not started then. */
export const notEntered = 125;

/** Arguments of `setpriv`: with any of these capabilities a program could unmount the layer. */
export const dropAll = [
  '--bounding-set',
  '-all',
  '--inh-caps',
  '-all',
  '--ambient-caps',
  '-all',
  '--no-new-privs',
  '--',
];

// All paths are arguments, and the layers are named relative to the place: neither the shell nor the options of an overlay, which
// have colons, commas and a length limit, ever read a path. What is below the mounts is bound first, for one of them may lie over another.
// The shell stays as process 1: it sweeps up what the program leaves behind, and signals reach the program as usual.
const enter = `# Enters the place of a branch.
fail() { echo "forkpoint: $1" >&2; exit ${notEntered}; }
setpriv=$1 mount=$2 umount=$3 place=$4 layer=$5 cwd=$6 count=$7 denied=$8
shift 8
cd -- "$place" || fail "the place is gone"
at=0
for root do
  [ "$at" -lt "$count" ] || break
  "$mount" --rbind -- "$root" "lower/$at" || fail "the project's folder can't be bound"
  at=$((at + 1))
done
at=0
while [ "$at" -lt "$count" ]; do
  lower=lower/$at upper=upper/$at work=work/$at
  if [ "$layer" = base ]; then upper=base/$at work=basework/$at
  elif [ -d "base/$at" ]; then lower=base/$at:$lower
  fi
  "$mount" -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work,userxattr" -- overlay "$1" || fail "the layer can't be mounted"
  "$umount" -l "lower/$at" || fail "the project's folder stays in reach"
  shift
  at=$((at + 1))
done
while [ "$denied" -gt 0 ]; do
  "$mount" --rbind -- "$1" "$1" && "$mount" -o remount,bind,ro -- "$1"
  shift
  denied=$((denied - 1))
done 2>/dev/null
cd -- "$cwd" || fail "the folder $cwd is not there"
"$setpriv" ${dropAll.join(' ')} "$@"
exit $?
`;

// It marks the place as `LifeMarks` does, with the process that it goes on as.
const markFirst = `# Marks the place of a branch as lived in.
place=$1 folder=$1/living
shift
startOf() {
  read -r line <"/proc/$1/stat" || return
  set -- \${line##*) }
  [ "$1" = Z ] || echo "$boot \${20}"
} 2>/dev/null
read -r boot </proc/sys/kernel/random/boot_id
mkdir -p -- "$folder"
printf '{"pid":%s,"started":"%s","token":"terminal-%s"}' $$ "$(startOf $$)" $$ >"$folder/.draft-$$"
until ln -- "$folder/.draft-$$" "$folder/one" 2>/dev/null; do
  pid=$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$folder/one")
  started=$(sed -n 's/.*"started":"\\([^"]*\\)".*/\\1/p' "$folder/one")
  if [ -n "$started" ] && [ "$(startOf "$pid")" = "$started" ]; then
    rm -f -- "$folder/.draft-$$"
    echo "forkpoint: a process lives in this branch's place; wait until it ends, or cancel the branch" >&2
    exit ${notEntered}
  fi
  rm -f -- "$folder/one" || exit ${notEntered}
done
rm -f -- "$folder/.draft-$$"
exec "$@"
`;

/** Variable by which the processes of a place are known. */
export const placeVariable = 'FORKPOINT_PLACE';

/** Pattern for the line of `/proc/PID/limits` that has the limit by which they are known, see `ProcessKey`. */
export function limitLine(limit: string): string {
  return `^Max realtime timeout  *${limit} `;
}

// Where no namespace ends what a program leaves behind. It is told to by the end of its input, so also by the end of who started it.
// What is ended may have started another in between: so it looks until nothing is left, for a few seconds at most.
const sweep = `# Ends the processes of a place.
trap '' HUP INT TERM
read -r line
rounds=0
while [ "$rounds" -lt 100 ]; do
  left=
  for file in $(grep -lszFx -e "${placeVariable}=$1" /proc/[0-9]*/environ; grep -ls -e "${limitLine('$2')}" /proc/[0-9]*/limits); do
    pid=\${file#/proc/}
    pid=\${pid%/*}
    # One that has ended keeps its limits until its parent asks for it.
    read -r stat <"/proc/$pid/stat" || continue
    case \${stat##*) } in Z*) continue ;; esac
    left=$pid
    kill -9 "$pid"
  done 2>/dev/null
  [ -n "$left" ] || exit 0
  rounds=$((rounds + 1))
  sleep 0.02 2>/dev/null || sleep 1
done
`;

/**
 * Writes the scripts into our folder: as an argument one would stand in every list of processes that an agent looks at.
 * @returns their paths
 */
export async function writeLaunchScripts(places: string): Promise<{ enterScript: string; markScript: string }> {
  return { enterScript: await writeScript(places, enter), markScript: await writeScript(places, markFirst) };
}

/** The same of the one that is needed where there are no namespaces. */
export function writeSweepScript(places: string): Promise<string> {
  return writeScript(places, sweep);
}

async function writeScript(places: string, text: string): Promise<string> {
  const file = path.join(places, `.script-${sha256(text).slice(0, 16)}.sh`);
  if ((await readFile(file, 'utf8').catch(() => null)) !== text) await writeWhole(file, text);
  return file;
}
