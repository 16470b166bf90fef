module netpoll-bench

go 1.19
