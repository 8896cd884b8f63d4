#!/bin/bash
# Stands for sbatch, squeue, scontrol and scancel where there is no Slurm, by the name under which it is called; as `node`
# it runs what is pending, two elements at a time, until nothing is. All that is known lies in the folder $FAKE_SLURM, a few
# small files for each element JOB_INDEX. MaxArraySize is 4, or what the file `largest` says.
state=$FAKE_SLURM
largest=$(cat "$state/largest" 2>/dev/null || echo 4)

refuse() {
    printf '%s\n' "$@" >&2
    exit 1
}

# the elements of these jobs; a job is JOB or JOB_INDEX
elements() {
    for job in ${1//,/ }; do
        for file in "$state/$job".state "$state/${job}"_*.state; do
            [ ! -e "$file" ] || basename "$file" .state
        done
    done
}

sbatch() {
    if [ "$1" = --version ]; then
        echo "slurm 22.05.8"
        exit 0
    fi
    array=
    while [ "${1#--}" != "$1" ]; do
        [ "${1#--array=}" = "$1" ] || array=${1#--array=}
        shift
    done
    last=${array#0-}
    last=${last%\%*}
    last=${last:-0}
    [ ! -e "$state/refuse" ] || refuse "$(cat "$state/refuse")"
    [ -z "$array" ] || [ "$last" -lt "$largest" ] || refuse "sbatch: error: Batch job submission failed: Invalid job array specification"
    there=$(find "$state" -name '*.state' | wc -l)
    [ $((there + last + 1)) -le "$(cat "$state/most" 2>/dev/null || echo 1000)" ] || refuse \
        "sbatch: error: QOSMaxSubmitJobPerUserLimit" \
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
    job=$(($(cat "$state/jobs" 2>/dev/null || echo 0) + 1))
    echo "$job" >"$state/jobs"
    # Slurm keeps a copy
    cp "$1" "$state/$job.script"
    echo "$2" >"$state/$job.first"
    for index in $(seq 0 "$last"); do
        echo PENDING >"$state/${job}_$index.state"
    done
    # as sites have it that greet
    echo "Your project has 12 hours left."
    echo "$job"
}

squeue() {
    [ ! -e "$state/down" ] || refuse "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    for argument; do
        [ "${argument#--jobs=}" = "$argument" ] || jobs=${argument#--jobs=}
    done
    for element in $(elements "$jobs"); do
        what=$(cat "$state/$element.state")
        echo "$what|$([ "$what" = PENDING ] && echo Resources || echo None)"
    done
}

scontrol() {
    case "$1 $2" in
        "show config") echo "MaxArraySize            = $largest" ;;
        "show job") echo "   PreemptTime=None" ;;
        requeue*)
            touch "$state/$2.requeue"
            kill -KILL -- "-$(cat "$state/$2.pid")"
            ;;
    esac
}

# SIGNAL goes to the batch script alone with --batch, else to all processes of the element
scancel() {
    signal=TERM
    group=-
    for argument; do
        case $argument in
            --signal=*) signal=${argument#--signal=} ;;
            --batch) group= ;;
            *)
                for element in $(elements "$argument"); do
                    [ -n "$group" ] && touch "$state/$element.cancelled"
                    [ ! -e "$state/$element.pid" ] || kill -s "$signal" -- "$group$(cat "$state/$element.pid")"
                done
                ;;
        esac
    done
}

run_element() {
    job=${1%_*}
    index=${1#*_}
    log=$(sed -n 's/^#SBATCH --output=//p' "$state/$job.script" | sed "s/%A/$job/; s/%a/$index/")
    echo RUNNING >"$state/$1.state"
    export SLURM_JOB_ID=$((1000 * job + index)) SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$index
    SLURM_RESTART_COUNT=$(cat "$state/$1.restarts" 2>/dev/null || echo 0)
    export SLURM_RESTART_COUNT
    # a group of its own: its script is its first process
    setsid bash "$state/$job.script" "$(cat "$state/$job.first")" >>"$log" 2>&1 &
    echo $! >"$state/$1.pid"
    wait $!
    code=$?
    rm "$state/$1.pid"
    if [ -e "$state/$1.requeue" ]; then
        rm "$state/$1.requeue"
        echo $((SLURM_RESTART_COUNT + 1)) >"$state/$1.restarts"
        echo PENDING >"$state/$1.state"
    elif [ -e "$state/$1.cancelled" ]; then
        echo CANCELLED >"$state/$1.state"
    elif [ "$code" -eq 0 ]; then
        echo COMPLETED >"$state/$1.state"
    else
        echo FAILED >"$state/$1.state"
    fi
}

worker() {
    while :; do
        for file in "$state"/*.state; do
            element=$(basename "$file" .state)
            mkdir "$state/$element.taken" 2>/dev/null || continue
            if [ "$(cat "$file")" = PENDING ]; then
                run_element "$element"
                rmdir "$state/$element.taken"
                continue 2
            fi
            rmdir "$state/$element.taken"
        done
        # one that runs may come back
        grep -q -E "PENDING|RUNNING" "$state"/*.state || return
        sleep 0.1
    done
}

node() {
    worker &
    worker &
    wait
}

"${0##*/}" "$@"
