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

# test_project FOLDER FILTER: runs its tests and counts every one. A run that breaks off counts as a failure of its own.
test_project() {
  local folder=$1 filter=$2 name trx log started=$SECONDS status=0 counts
  name=$(basename "$folder")
  trx=$artifacts/$name.trx
  log=$artifacts/$name.log
  timeout --kill-after=30 "${TEST_PROJECT_SECONDS:-1500}" dotnet test "$folder" -c Release --no-build --nologo \
    --logger "trx;LogFileName=$trx" --logger 'console;verbosity=normal' ${filter:+--filter "$filter"} >"$log" 2>&1 || status=$?

  counts=$(count_results "$trx")
  read -r p f s <<<"$counts"
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    echo "  The run of $name broke off with status $status; the end of $log:"
    tail -n 40 "$log" | sed 's/^/          /'
    f=1
  fi

  passed=$((passed + p))
  failed=$((failed + f))
  skipped=$((skipped + s))
  printf '  %s  %-28s %4d s   %d passed, %d failed, %d skipped\n' "$([ "$f" -eq 0 ] && echo passed || echo FAILED)" "$name" $((SECONDS - started)) "$p" "$f" "$s"
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
