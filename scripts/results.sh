# Sourced by test.sh: runs gates and test projects, and adds up what passed, failed and was skipped.
passed=0
failed=0
skipped=0

# gate NAME COMMAND...: one check that passes or fails as a whole. Its output is shown only where it failed.
gate() {
  local name=$1 log started=$SECONDS
  shift
  log=$artifacts/$name.log
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    printf '  passed  %-28s %4d s\n' "$name" $((SECONDS - started))
  else
    failed=$((failed + 1))
    printf '  FAILED  %-28s %4d s   %s\n' "$name" $((SECONDS - started)) "$*"
    tail -n 60 "$log" | sed 's/^/          /'
  fi
}

# watched NAME COMMAND...: a gate for what takes long; its output is shown as it comes.
watched() {
  local name=$1 log started=$SECONDS result=FAILED
  shift
  log=$artifacts/$name.log
  if "$@" 2>&1 | tee "$log" | sed -u 's/^/          /'; then
    passed=$((passed + 1))
    result=passed
  else
    failed=$((failed + 1))
  fi
  printf '  %s  %-28s %4d s   %s\n' "$result" "$name" $((SECONDS - started)) "$*"
}

# test_projects JOBS FILTER FOLDER...: runs their tests, so many projects at a time, and counts every one.
test_projects() {
  local jobs=$1 filter=$2 pids=() i
  shift 2
  for ((i = 0; i < $# + jobs; i++)); do
    if ((i >= jobs)); then wait "${pids[i - jobs]}"; report_project "${@:i - jobs + 1:1}"; fi
    if ((i < $#)); then run_project "${@:i + 1:1}" "$filter" & pids+=($!); fi
  done
}

# run_project FOLDER FILTER: leaves its results, its log, its exit status and how long it took.
run_project() {
  local name status=0 started=$SECONDS
  name=$(basename "$1")
  timeout --kill-after=30 "${TEST_PROJECT_SECONDS:-1500}" dotnet test "$1" -c Release --no-build --nologo \
    --logger "trx;LogFileName=$artifacts/$name.trx" --logger 'console;verbosity=normal' ${2:+--filter "$2"} >"$artifacts/$name.log" 2>&1 || status=$?
  echo "$status $((SECONDS - started))" >"$artifacts/$name.status"
}

# report_project FOLDER: a run that broke off counts as a failure of its own.
report_project() {
  local name log trx status seconds p f s
  name=$(basename "$1")
  log=$artifacts/$name.log trx=$artifacts/$name.trx
  read -r status seconds <"$artifacts/$name.status"
  read -r p f s <<<"$(count_results "$trx")"
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    echo "  The run of $name broke off with status $status; the end of $log:"
    tail -n 40 "$log" | sed 's/^/          /'
    f=1
  fi

  passed=$((passed + p))
  failed=$((failed + f))
  skipped=$((skipped + s))
  printf '  %s  %-28s %4d s   %d passed, %d failed, %d skipped\n' "$([ "$f" -eq 0 ] && echo passed || echo FAILED)" "$name" "$seconds" "$p" "$f" "$s"
  [ "$f" -eq 0 ] || show_failures "$log"
  [ "$s" -eq 0 ] || show_skips "$trx"
}

# count_results TRX: prints how many tests passed, failed and were skipped. VSTest's own counters leave the skipped ones out.
count_results() {
  [ -e "$1" ] || { echo 0 0 0; return; }
  grep -o '<UnitTestResult [^>]*>' "$1" | grep -o ' outcome="[A-Za-z]*"' | awk -F '"' '
    $2 == "Passed" { passed++; next }
    $2 == "NotExecuted" { skipped++; next }
    { failed++ }
    END { print passed + 0, failed + 0, skipped + 0 }'
}

show_failures() {
  sed -n '/^  Failed /,/^  \(Passed\|Skipped\) /p' "$1" | grep -v '^  \(Passed\|Skipped\) ' | head -n 400 | sed 's/^/        /'
}

# A skipped test says what it lacks: the message of its result.
show_skips() {
  awk '
    /<UnitTestResult / { name = ""; if (/outcome="NotExecuted"/ && match($0, /testName="[^"]*"/)) name = substr($0, RSTART + 10, RLENGTH - 11) }
    name != "" && match($0, /<(Message|StdOut)>[^<]*/) { text = substr($0, RSTART, RLENGTH); sub(/^<[A-Za-z]*>/, "", text); print "        skipped: " name ": " text; name = "" }
  ' "$1"
}

summary() {
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
}
