// An echo server on Go's net: a goroutine with a buffer for each connection. It says its
// address when it listens, and runs until it is killed.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"runtime"
)

// The bytes of a request where some ask for work.
const frame = 64

func main() {
	buffer := flag.Int("buffer", 4096, "the size of a connection's buffer")
	size := flag.Int("rpc", 0, "answer frames of so many bytes, each in its own time")
	work := flag.Int("work", 0, "answer frames; one in a hundred first takes so many steps")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		// TCP_NODELAY is on by itself.
		if *size > 0 {
			go serve(connection, *size)
		} else if *work > 0 {
			go answer(connection, *work)
		} else {
			go echo(connection, *buffer)
		}
	}
}

func echo(connection net.Conn, size int) {
	defer connection.Close()
	buffer := make([]byte, size)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// A goroutine for each request, and one that writes: what waits for it leaves together.
func serve(connection net.Conn, size int) {
	defer connection.Close()
	replies := make(chan []byte, 256)
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		writer := bufio.NewWriterSize(connection, 64<<10)
		for {
			select {
			case reply := <-replies:
				writer.Write(reply)
			case <-gone:
				return
			}
			// Who can run already may have something as well.
			runtime.Gosched()
			for more := true; more; {
				select {
				case reply := <-replies:
					writer.Write(reply)
				default:
					more = false
				}
			}
			if writer.Flush() != nil {
				return
			}
		}
	}()
	reader := bufio.NewReaderSize(connection, 64<<10)
	for {
		frame := make([]byte, size)
		if _, err := io.ReadFull(reader, frame); err != nil {
			return
		}
		go func() {
			select {
			case replies <- frame:
			case <-gone:
			}
		}()
	}
}

func answer(connection net.Conn, steps int) {
	defer connection.Close()
	buffer := make([]byte, frame)
	for {
		if _, err := io.ReadFull(connection, buffer); err != nil {
			return
		}
		if workIsAskedFor(buffer) {
			compute(steps)
		}
		if _, err := connection.Write(buffer); err != nil {
			return
		}
	}
}

// What follows has to be what src/work.rs has.

func workIsAskedFor(frame []byte) bool {
	return binary.BigEndian.Uint16(frame) < 65535/100
}

// Keeps the compiler from leaving the steps out.
var sink uint64

//go:noinline
func steps(count int) uint64 {
	state := uint64(1)
	for i := 0; i < count; i++ {
		state = (state ^ state>>29) * 6364136223846793005
	}
	return state
}

func compute(count int) {
	if steps(count) == 0 {
		sink++
	}
}
