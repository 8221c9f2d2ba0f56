#!/bin/sh
# payment.sh HOST PORT DEVICE: silence a call while a card number is given. Over the WebAPI; curl.

host=$1 port=$2 device=$3 requests=0

# Sends a command, NAME=VALUE…; sets $verdict, which is empty if there is no answer: nobody knows whether it was done.
ask() {
    requests=$((requests + 1))
    set -- --data-urlencode "type=$1" --data-urlencode "requestid=$requests" --data-urlencode "$2"
    # Longer than the proxy takes for an answer (limits.deadline, 2 s).
    result=$(curl --silent --show-error --fail --max-time 5 "$@" "http://$host:$port/webAPI.aspx" 2>&1)
    verdict=$(echo "$result" | sed -n "s:.*<REQUESTID>$requests</REQUESTID><RESULTTYPE>\([A-Z_]*\)<.*:\1:p")
}

# Says it until it is confirmed by every recorder, for ten seconds; gives whether it is.
insist() {
    end=$(($(date +%s) + 10))
    while :; do
        ask "$@"
        echo "$1 ${verdict:-none} $result"
        case $verdict in
        API_OK) return 0 ;;
        "" | API_PARTIAL_CORE_RESPONSE | API_ERROR_RECORDER_NOT_RUNNING | API_ERROR_PROCESSING_MESSAGE) ;;
        *) return 1 ;;
        esac
        if [ "$(date +%s)" -gt "$end" ]; then return 1; fi
        sleep 1
    done
}

# In any case: those recorders that did begin are silent until they are told to stop.
trap 'insist BLACKOUTSTOP "deviceid=$device"' EXIT
trap 'exit 130' INT TERM

if insist BLACKOUTSTART "deviceid=$device"; then
    echo "ASK FOR THE CARD NUMBER" # … and wait until it has been given
else
    echo "DO NOT ASK: it may be recorded. Take the payment another way"
    exit 1
fi
